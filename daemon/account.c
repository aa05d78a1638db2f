/* SPDX-License-Identifier: MIT */
#include "account.h"

#include <assert.h>
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>
#include <sys/stat.h>

#define NS_A_SECOND 1000000000ull

struct pool {
	LIST_ENTRY(pool) link;
	struct limits limits;
	uint64_t users;
	char name[];
};

struct user {
	LIST_ENTRY(user) link;
	struct pool *pool;
	uid_t uid;
	uint32_t peers;
	uint64_t held[ACCOUNT_KINDS];
	uint64_t credit, credit_at_ns; /* requests left, and since when */
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
	LIST_HEAD(, pool) pools;
	LIST_HEAD(, user) users;
	LIST_HEAD(, peer) peers;
} accounts = {.lock = PTHREAD_MUTEX_INITIALIZER};

static struct pool *pool_find(const char *name)
{
	struct pool *p;
	LIST_FOREACH (p, &accounts.pools, link)
		if (strcmp(p->name, name) == 0)
			return p;
	return NULL;
}

static struct pool *pool_get(const char *name, const struct limits *limits)
{
	struct pool *p = pool_find(name);
	if (p)
		return p;
	p = calloc(1, sizeof(*p) + strlen(name) + 1);
	if (!p)
		return NULL;
	p->limits = *limits;
	memcpy(p->name, name, strlen(name));
	LIST_INSERT_HEAD(&accounts.pools, p, link);
	return p;
}

static void pool_put(struct pool *p)
{
	if (p->users > 0)
		return;
	LIST_REMOVE(p, link);
	free(p);
}

static int user_new(struct user **ret, struct pool *pool, uid_t uid)
{
	bool full = pool->users >= pool->limits.most_users;
	struct user *u = full ? NULL : calloc(1, sizeof(*u));
	if (!u) {
		pool_put(pool);
		return full ? -EDQUOT : -ENOMEM;
	}
	*u = (struct user){.pool = pool, .uid = uid};
	pool->users++;
	LIST_INSERT_HEAD(&accounts.users, u, link);
	*ret = u;
	return 0;
}

static struct user *user_find(const char *pool, uid_t uid)
{
	struct user *u;
	LIST_FOREACH (u, &accounts.users, link)
		if (u->uid == uid && strcmp(u->pool->name, pool) == 0)
			return u;
	return NULL;
}

static void user_put(struct user *u)
{
	if (u->peers > 0)
		return;
	LIST_REMOVE(u, link);
	u->pool->users--;
	pool_put(u->pool);
	free(u);
}

static void peer_free(struct peer *p)
{
	for (int kind = 0; kind < ACCOUNT_KINDS; kind++)
		p->user->held[kind] -= p->held[kind];
	p->user->peers--;
	user_put(p->user);
	LIST_REMOVE(p, link);
	free(p);
}

void account_done(void)
{
	while (!LIST_EMPTY(&accounts.peers))
		peer_free(LIST_FIRST(&accounts.peers));
}

/* A process that changes its user, or comes by another socket, is another peer. */
static struct peer *peer_find(const struct user *user, ino_t identity)
{
	struct peer *p;
	LIST_FOREACH (p, &accounts.peers, link)
		if (p->identity == identity && p->user == user)
			return p;
	return NULL;
}

static int peer_new(struct peer **ret, struct user *user, ino_t identity)
{
	struct peer *p = calloc(1, sizeof(*p));
	if (!p)
		return -ENOMEM;
	p->identity = identity;
	p->user = user;
	user->peers++;
	LIST_INSERT_HEAD(&accounts.peers, p, link);
	*ret = p;
	return 0;
}

static int find_or_make(struct peer **ret, const char *name, const struct limits *limits, uid_t uid,
			ino_t identity)
{
	int r = 0;
	struct user *user = user_find(name, uid);
	if (!user) {
		struct pool *pool = pool_get(name, limits);
		r = pool ? user_new(&user, pool, uid) : -ENOMEM;
	}
	if (r < 0)
		return r;
	*ret = peer_find(user, identity);
	if (!*ret)
		r = peer_new(ret, user, identity);
	if (r < 0)
		user_put(user);
	return r;
}

int peer_get(struct peer **ret, const char *pool, const struct limits *limits, uid_t uid, int pidfd)
{
	struct stat st;
	struct peer *p;
	if (fstat(pidfd, &st) < 0)
		return -errno;
	pthread_mutex_lock(&accounts.lock);
	int r = find_or_make(&p, pool, limits, uid, st.st_ino);
	if (r == 0) {
		p->references++;
		*ret = p;
	}
	pthread_mutex_unlock(&accounts.lock);
	return r;
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

void account_limits(const struct limits *(*find)(const char *pool, void *data), void *data)
{
	struct pool *p;
	pthread_mutex_lock(&accounts.lock);
	LIST_FOREACH (p, &accounts.pools, link)
		p->limits = *find(p->name, data);
	pthread_mutex_unlock(&accounts.lock);
}

int account_charge(struct peer *p, enum account_kind kind, uint64_t n)
{
	int r = -EDQUOT;
	pthread_mutex_lock(&accounts.lock);
	uint64_t spare = p->held[kind] - p->used[kind];
	uint64_t more = n > spare ? n - spare : 0;
	uint64_t most = p->user->pool->limits.most[kind], held = p->user->held[kind];
	if (more == 0 || (held <= most && more <= most - held)) {
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

bool account_request(struct peer *p, uint64_t now_ns)
{
	struct user *u = p->user;
	pthread_mutex_lock(&accounts.lock);
	if (now_ns >= u->credit_at_ns + NS_A_SECOND) {
		u->credit = u->pool->limits.requests_per_second;
		u->credit_at_ns = now_ns;
	}
	bool within = u->credit > 0;
	u->credit -= within;
	pthread_mutex_unlock(&accounts.lock);
	return within;
}

uint64_t account_used(const char *pool, uint64_t ret_used[ACCOUNT_KINDS])
{
	struct user *u;
	uint64_t users = 0;
	memset(ret_used, 0, ACCOUNT_KINDS * sizeof(*ret_used));
	pthread_mutex_lock(&accounts.lock);
	LIST_FOREACH (u, &accounts.users, link) {
		if (strcmp(u->pool->name, pool) != 0)
			continue;
		users++;
		for (int kind = 0; kind < ACCOUNT_KINDS; kind++)
			ret_used[kind] += u->held[kind];
	}
	pthread_mutex_unlock(&accounts.lock);
	return users;
}
