/* SPDX-License-Identifier: MIT */
#include "daemon/grant/account.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/grant/rates.h"
#include "daemon/grant/user.h"

#define IDLE_MAX 1024u /* idle users that are remembered */

static struct {
	pthread_mutex_t lock;
	LIST_HEAD(, pool) pools;
	struct user_list users;
	TAILQ_HEAD(idle, user) idle; /* in the order in which their last references went */
	uint32_t idle_count;
} known = {.lock = PTHREAD_MUTEX_INITIALIZER, .idle = TAILQ_HEAD_INITIALIZER(known.idle)};

void users_lock(void)
{
	pthread_mutex_lock(&known.lock);
}

void users_unlock(void)
{
	pthread_mutex_unlock(&known.lock);
}

const struct user_list *users_all(void)
{
	return &known.users;
}

static struct pool *pool_find(const char *name)
{
	struct pool *p;
	LIST_FOREACH (p, &known.pools, link)
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
	LIST_INSERT_HEAD(&known.pools, p, link);
	return p;
}

static void pool_put(struct pool *p)
{
	if (p->users + p->idle > 0)
		return;
	LIST_REMOVE(p, link);
	free(p);
}

static struct user *user_find(const char *pool, uid_t uid)
{
	struct user *u;
	LIST_FOREACH (u, &known.users, link)
		if (u->uid == uid && strcmp(u->pool->name, pool) == 0)
			return u;
	return NULL;
}

static void user_forget(struct user *u)
{
	struct pool *pool = u->pool;
	TAILQ_REMOVE(&known.idle, u, idle);
	known.idle_count--;
	pool->idle--;
	LIST_REMOVE(u, link);
	free(u);
	pool_put(pool);
}

/* The user has no references, yet or any more: it becomes idle. */
static void user_retire(struct user *u)
{
	TAILQ_INSERT_TAIL(&known.idle, u, idle);
	known.idle_count++;
	u->pool->idle++;
	/* Last, since this may free the pool of the user that is forgotten. */
	if (known.idle_count > IDLE_MAX)
		user_forget(TAILQ_FIRST(&known.idle));
}

static void users_forget(uint64_t now_ns)
{
	struct user *u, *next;
	for (u = TAILQ_FIRST(&known.idle); u; u = next) {
		next = TAILQ_NEXT(u, idle);
		if (rates_are_whole(u, now_ns))
			user_forget(u);
	}
}

static struct user *user_new(const char *name, const struct limits *limits, uid_t uid)
{
	struct pool *pool = pool_get(name, limits);
	struct user *u = pool ? calloc(1, sizeof(*u)) : NULL;
	if (!u) {
		if (pool)
			pool_put(pool);
		return NULL;
	}
	*u = (struct user){.pool = pool, .uid = uid};
	LIST_INSERT_HEAD(&known.users, u, link);
	user_retire(u);
	return u;
}

/* Takes a reference. The first one counts the user to the pool, of which there are up to `most`. */
static int user_join(struct user *u, uint64_t most)
{
	struct pool *pool = u->pool;
	if (u->references == 0) {
		if (pool->users >= most)
			return -EDQUOT;
		TAILQ_REMOVE(&known.idle, u, idle);
		known.idle_count--;
		pool->idle--;
		pool->users++;
	}
	u->references++;
	return 0;
}

void account_done(void)
{
	while (!TAILQ_EMPTY(&known.idle))
		user_forget(TAILQ_FIRST(&known.idle));
}

static int get(struct user **ret, const char *pool, const struct limits *limits, uid_t uid,
	       uint64_t now_ns, bool again)
{
	users_lock();
	users_forget(now_ns);
	struct user *u = user_find(pool, uid);
	if (!u)
		u = user_new(pool, limits, uid);
	int r = u ? user_join(u, again ? UINT64_MAX : u->pool->limits.most_users) : -ENOMEM;
	if (r == 0)
		*ret = u;
	users_unlock();
	return r;
}

int user_get(struct user **ret, const char *pool, const struct limits *limits, uid_t uid,
	     uint64_t now_ns, char why[LIMITS_SAID_BYTES])
{
	int r = get(ret, pool, limits, uid, now_ns, false);
	if (r == -EDQUOT && why)
		limits_say_users(why, pool, limits);
	return r;
}

int user_again(struct user **ret, const char *pool, const struct limits *limits, uid_t uid,
	       uint64_t now_ns)
{
	return get(ret, pool, limits, uid, now_ns, true);
}

struct user *user_ref(struct user *u)
{
	users_lock();
	u->references++;
	users_unlock();
	return u;
}

void user_put(struct user *u)
{
	users_lock();
	if (--u->references == 0) {
		u->pool->users--;
		user_retire(u);
	}
	users_unlock();
}

void account_limits(const struct limits *(*find)(const char *pool, void *data), void *data)
{
	struct pool *p;
	users_lock();
	LIST_FOREACH (p, &known.pools, link)
		p->limits = *find(p->name, data);
	users_unlock();
}
