/* SPDX-License-Identifier: MIT */
#include "daemon/grant/flight_reader.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>
#include <sys/resource.h>

#include "policy/policy.h"

#define USER_MAX  1024u
#define USERS_MAX 16384u /* all together */

struct flight_reader {
	LIST_ENTRY(flight_reader) link;
	char class[POLICY_NAME_BYTES];
	uid_t uid;
	uint32_t references, unread;
};

static struct {
	pthread_mutex_t lock;
	LIST_HEAD(, flight_reader) readers;
	uint32_t unread, most; /* all together; most is 0 before the first one */
} all = {.lock = PTHREAD_MUTEX_INITIALIZER};

/*
 * How many may be in flight to all together. The kernel counts for zcrxd's user as a whole: a
 * quarter is left to other programs of that user.
 */
static uint32_t most(void)
{
	struct rlimit limit;
	if (getrlimit(RLIMIT_NOFILE, &limit) < 0)
		return USERS_MAX;
	rlim_t three_quarters = limit.rlim_cur - limit.rlim_cur / 4;
	return three_quarters < USERS_MAX ? (uint32_t)three_quarters : USERS_MAX;
}

uint32_t flight_readers_most(void)
{
	pthread_mutex_lock(&all.lock);
	if (!all.most)
		all.most = most();
	uint32_t n = all.most;
	pthread_mutex_unlock(&all.lock);
	return n;
}

static struct flight_reader *find(const char *class, uid_t uid)
{
	struct flight_reader *r;
	LIST_FOREACH (r, &all.readers, link)
		if (r->uid == uid && strcmp(r->class, class) == 0)
			return r;
	return NULL;
}

struct flight_reader *flight_reader_get(const char *class, uid_t uid)
{
	flight_readers_most();
	pthread_mutex_lock(&all.lock);
	struct flight_reader *r = find(class, uid);
	if (!r && (r = calloc(1, sizeof(*r)))) {
		strncat(r->class, class, sizeof(r->class) - 1);
		r->uid = uid;
		LIST_INSERT_HEAD(&all.readers, r, link);
	}
	if (r)
		r->references++;
	pthread_mutex_unlock(&all.lock);
	return r;
}

void flight_reader_put(struct flight_reader *r)
{
	pthread_mutex_lock(&all.lock);
	bool last = --r->references == 0;
	if (last)
		LIST_REMOVE(r, link);
	pthread_mutex_unlock(&all.lock);
	if (last)
		free(r);
}

bool flight_reader_charge(struct flight_reader *r, uint32_t n)
{
	pthread_mutex_lock(&all.lock);
	uint32_t left = all.most > all.unread ? all.most - all.unread : 0;
	bool room = n <= USER_MAX && r->unread + n <= USER_MAX && r->unread + n <= left / 8;
	if (room) {
		r->unread += n;
		all.unread += n;
	}
	pthread_mutex_unlock(&all.lock);
	return room;
}

void flight_reader_take(struct flight_reader *r, uint32_t n)
{
	pthread_mutex_lock(&all.lock);
	r->unread += n;
	all.unread += n;
	pthread_mutex_unlock(&all.lock);
}

void flight_reader_release(struct flight_reader *r, uint32_t n)
{
	pthread_mutex_lock(&all.lock);
	r->unread -= n;
	all.unread -= n;
	pthread_mutex_unlock(&all.lock);
}
