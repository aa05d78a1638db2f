/* SPDX-License-Identifier: MIT */
#include "daemon/grant/kept.h"

#include <errno.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>

#include "base/clock.h"
#include "base/fd.h"
#include "daemon/common/may_wait.h"
#include "daemon/common/work.h"
#include "daemon/grant/account.h"
#include "daemon/grant/user.h"

#define LOOK_AGAIN_NS 10000000u

struct kept {
	LIST_ENTRY(kept) link;
	struct user *user;
	int memfd, dmabuf;
	uint64_t looked_ns; /* when is_only_ours() was last asked */
	uint64_t number;    /* while it is to be closed: how many were before it */
	bool taken;         /* some thread is closing it */
};

LIST_HEAD(keeping, kept);

static struct {
	pthread_mutex_t lock;
	pthread_cond_t closed;
	struct keeping kept, closing; /* closing: nobody else has them */
	struct work work;             /* closes them */
	bool working;                 /* `work` was begun and is not joined yet */
	uint64_t last;                /* the number of the last one that was to be closed */
} all = {.lock = PTHREAD_MUTEX_INITIALIZER, .closed = PTHREAD_COND_INITIALIZER};

int kept_new(struct kept **ret, struct user *u, int memfd, int dmabuf)
{
	struct kept *k = malloc(sizeof(*k));
	if (!k)
		return -ENOMEM;
	*k = (struct kept){.user = user_ref(u), .memfd = memfd, .dmabuf = dmabuf};
	*ret = k;
	return 0;
}

void kept_add(struct kept *k)
{
	pthread_mutex_lock(&all.lock);
	LIST_INSERT_HEAD(&all.kept, k, link);
	pthread_mutex_unlock(&all.lock);
}

/* The kernel counts the descriptors, mappings and devices that have a dma-buf. */
static bool is_only_ours(int dmabuf)
{
	char path[64], line[256];
	long count = 0;
	snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", dmabuf);
	FILE *f = fopen(path, "re");
	if (!f)
		return false;
	while (count == 0 && fgets(line, sizeof(line), f))
		if (strncmp(line, "count:", 6) == 0)
			count = strtol(line + 6, NULL, 10);
	fclose(f);
	return count == 1;
}

static void is_to_be_closed(struct kept *k)
{
	LIST_REMOVE(k, link);
	LIST_INSERT_HEAD(&all.closing, k, link);
	k->number = ++all.last;
}

/*
 * Finds the dma-bufs that nobody else has. Each is looked at every LOOK_AGAIN_NS at most, however
 * often a client has requests refused.
 */
static void look(void)
{
	struct kept *k, *next;
	uint64_t now = clock_ns();
	for (k = LIST_FIRST(&all.kept); k; k = next) {
		next = LIST_NEXT(k, link);
		if (now - k->looked_ns < LOOK_AGAIN_NS)
			continue;
		k->looked_ns = now;
		if (!is_only_ours(k->dmabuf))
			continue;
		is_to_be_closed(k);
	}
}

/* u: NULL: whoever has it. */
static struct kept *next_to_close(const struct user *u)
{
	struct kept *k;
	LIST_FOREACH (k, &all.closing, link)
		if (!k->taken && (!u || k->user == u))
			return k;
	return NULL;
}

/*
 * With the lock held, which it gives up while it closes. Closes those of the user's that no other
 * thread closes, or with NULL everybody's. Returns true if there was any.
 */
static bool close_all(const struct user *u)
{
	struct kept *k;
	bool any = false;
	for (; (k = next_to_close(u)); any = true) {
		k->taken = true;
		pthread_mutex_unlock(&all.lock);
		fd_close(k->dmabuf);
		fd_close(k->memfd);
		pthread_mutex_lock(&all.lock);
		LIST_REMOVE(k, link);
		account_release(k->user, ACCOUNT_AREAS, 1);
		k->user->closed++;
		user_put(k->user);
		free(k);
		pthread_cond_broadcast(&all.closed);
	}
	return any;
}

static void run(void *arg)
{
	(void)arg;
	pthread_mutex_lock(&all.lock);
	close_all(NULL);
	pthread_mutex_unlock(&all.lock);
}

/* If there is no thread now, the next call tries again: kept_any() says that there is to be one. */
static void close_elsewhere(void)
{
	if (all.working && !work_is_over(&all.work))
		return;
	if (all.working)
		work_join(&all.work);
	all.working = next_to_close(NULL) && work_try(&all.work, run, NULL, -1);
}

/* Is any of the user's, or with NULL any, not closed yet, up to this number? */
static bool any_to_close(const struct user *u, uint64_t last)
{
	const struct kept *k;
	LIST_FOREACH (k, &all.closing, link)
		if ((!u || k->user == u) && k->number <= last)
			return true;
	return false;
}

bool kept_reap(const struct user *u)
{
	bool any = false;
	pthread_mutex_lock(&all.lock);
	look();
	uint64_t last = all.last;
	if (may_wait()) {
		any = close_all(u);
		for (; any_to_close(u, last); any = true)
			pthread_cond_wait(&all.closed, &all.lock);
	}
	close_elsewhere();
	pthread_mutex_unlock(&all.lock);
	return any;
}

bool kept_any(void)
{
	pthread_mutex_lock(&all.lock);
	bool any = !LIST_EMPTY(&all.kept) || !LIST_EMPTY(&all.closing);
	pthread_mutex_unlock(&all.lock);
	return any;
}

uint64_t kept_closed(const struct user *u)
{
	pthread_mutex_lock(&all.lock);
	uint64_t n = u->closed;
	pthread_mutex_unlock(&all.lock);
	return n;
}

bool kept_is_closing(const struct user *u, uint64_t before)
{
	pthread_mutex_lock(&all.lock);
	bool is = u->closed != before || any_to_close(u, all.last);
	pthread_mutex_unlock(&all.lock);
	return is;
}

void kept_done(void)
{
	struct kept *k;
	pthread_mutex_lock(&all.lock);
	while ((k = LIST_FIRST(&all.kept)))
		is_to_be_closed(k);
	close_all(NULL);
	while (!LIST_EMPTY(&all.closing))
		pthread_cond_wait(&all.closed, &all.lock);
	pthread_mutex_unlock(&all.lock);
	if (all.working)
		work_join(&all.work);
	all.working = false;
}
