/* SPDX-License-Identifier: MIT */
#include "account.h"

#include <assert.h>
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/queue.h>
#include <sys/stat.h>

struct user {
	LIST_ENTRY(user) link;
	uid_t uid;
	uint32_t peers;
	uint64_t held[ACCOUNT_KINDS];
};

struct peer {
	LIST_ENTRY(peer) link;
	struct user *user;
	ino_t identity; /* of the pidfd: unique for as long as the machine runs */
	uint32_t references;
	bool awaited; /* peer_exited() will follow */
	uint64_t used[ACCOUNT_KINDS];
	uint64_t held[ACCOUNT_KINDS]; /* >= used; what the user is charged */
};

static struct {
	pthread_mutex_t lock;
	const struct limits *limits;
	LIST_HEAD(, user) users;
	LIST_HEAD(, peer) peers;
} accounts = {.lock = PTHREAD_MUTEX_INITIALIZER};

void account_init(const struct limits *limits)
{
	accounts.limits = limits;
}

static struct user *user_get(uid_t uid)
{
	struct user *u;
	LIST_FOREACH (u, &accounts.users, link)
		if (u->uid == uid)
			break;
	if (!u) {
		u = calloc(1, sizeof(*u));
		if (!u)
			return NULL;
		u->uid = uid;
		LIST_INSERT_HEAD(&accounts.users, u, link);
	}
	u->peers++;
	return u;
}

static void user_put(struct user *u)
{
	if (--u->peers > 0)
		return;
	LIST_REMOVE(u, link);
	free(u);
}

static void peer_free(struct peer *p)
{
	for (int kind = 0; kind < ACCOUNT_KINDS; kind++)
		p->user->held[kind] -= p->held[kind];
	user_put(p->user);
	LIST_REMOVE(p, link);
	free(p);
}

void account_done(void)
{
	while (!LIST_EMPTY(&accounts.peers))
		peer_free(LIST_FIRST(&accounts.peers));
}

static struct peer *peer_find(ino_t identity)
{
	struct peer *p;
	LIST_FOREACH (p, &accounts.peers, link)
		if (p->identity == identity)
			return p;
	return NULL;
}

static struct peer *peer_new(uid_t uid, ino_t identity)
{
	struct peer *p = calloc(1, sizeof(*p));
	if (!p)
		return NULL;
	p->identity = identity;
	p->user = user_get(uid);
	if (!p->user) {
		free(p);
		return NULL;
	}
	LIST_INSERT_HEAD(&accounts.peers, p, link);
	return p;
}

struct peer *peer_get(uid_t uid, int pidfd)
{
	struct stat st;
	if (fstat(pidfd, &st) < 0)
		return NULL;
	pthread_mutex_lock(&accounts.lock);
	struct peer *p = peer_find(st.st_ino);
	if (!p)
		p = peer_new(uid, st.st_ino);
	if (p)
		p->references++;
	pthread_mutex_unlock(&accounts.lock);
	return p;
}

bool peer_put(struct peer *p)
{
	pthread_mutex_lock(&accounts.lock);
	bool last = --p->references == 0, lingers = last && p->held[ACCOUNT_BYTES] > 0;
	bool unwatched = lingers && !p->awaited;
	p->awaited |= lingers;
	if (last && !p->awaited)
		peer_free(p);
	pthread_mutex_unlock(&accounts.lock);
	return unwatched;
}

void peer_exited(struct peer *p)
{
	pthread_mutex_lock(&accounts.lock);
	p->awaited = false;
	if (p->references == 0)
		peer_free(p);
	pthread_mutex_unlock(&accounts.lock);
}

int account_charge(struct peer *p, enum account_kind kind, uint64_t n)
{
	int r = -EDQUOT;
	pthread_mutex_lock(&accounts.lock);
	uint64_t spare = p->held[kind] - p->used[kind];
	uint64_t more = n > spare ? n - spare : 0;
	uint64_t left = accounts.limits->most[kind] - p->user->held[kind];
	if (more <= left) {
		p->used[kind] += n;
		p->held[kind] += more;
		p->user->held[kind] += more;
		r = 0;
	}
	pthread_mutex_unlock(&accounts.lock);
	return r;
}

void account_release(struct peer *p, enum account_kind kind, uint64_t n)
{
	pthread_mutex_lock(&accounts.lock);
	assert(p->used[kind] >= n);
	p->used[kind] -= n;
	if (kind != ACCOUNT_BYTES) {
		p->held[kind] -= n;
		p->user->held[kind] -= n;
	}
	pthread_mutex_unlock(&accounts.lock);
}
