/* SPDX-License-Identifier: MIT */
#include "daemon/grant/account.h"

#include <assert.h>
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>

#include "base/clock.h"

#define NS_A_MINUTE (60 * NS_A_SECOND)
#define IDLE_MAX    1024u /* idle users that are remembered */

/* credit: what is left in the period that began at at_ns; at_ns = 0: none has begun. */
struct rate {
	uint64_t credit, at_ns;
};

struct rates {
	struct rate requests;    /* in a period of a second */
	struct rate connections; /* in a period of a second */
	struct rate leases;      /* in a period of a minute */
};

struct pool {
	LIST_ENTRY(pool) link;
	struct limits limits;
	uint64_t users, idle; /* users with references, and without */
	struct rates rates;
	char name[];
};

/*
 * A user without references is idle. It is remembered until its rates begin anew, so that
 * connecting again brings it no further credit. If too many users are idle the one that is idle
 * longest is forgotten; the rate of the pool bounds what its users ask for all the same.
 */
struct user {
	LIST_ENTRY(user) link;
	TAILQ_ENTRY(user) idle;
	struct pool *pool;
	uid_t uid;
	uint64_t references;
	uint64_t used[ACCOUNT_KINDS];
	uint64_t hardware; /* queues, in leases */
	struct rates rates;
};

static struct {
	pthread_mutex_t lock;
	LIST_HEAD(, pool) pools;
	LIST_HEAD(, user) users;
	TAILQ_HEAD(idle, user) idle; /* in the order in which their last references went */
	uint32_t idle_count;
} accounts = {.lock = PTHREAD_MUTEX_INITIALIZER, .idle = TAILQ_HEAD_INITIALIZER(accounts.idle)};

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
	if (p->users + p->idle > 0)
		return;
	LIST_REMOVE(p, link);
	free(p);
}

static struct user *user_find(const char *pool, uid_t uid)
{
	struct user *u;
	LIST_FOREACH (u, &accounts.users, link)
		if (u->uid == uid && strcmp(u->pool->name, pool) == 0)
			return u;
	return NULL;
}

static void user_forget(struct user *u)
{
	struct pool *pool = u->pool;
	TAILQ_REMOVE(&accounts.idle, u, idle);
	accounts.idle_count--;
	pool->idle--;
	LIST_REMOVE(u, link);
	free(u);
	pool_put(pool);
}

/* The user has no references, yet or any more: it becomes idle. */
static void user_retire(struct user *u)
{
	TAILQ_INSERT_TAIL(&accounts.idle, u, idle);
	accounts.idle_count++;
	u->pool->idle++;
	/* Last, since this may free the pool of the user that is forgotten. */
	if (accounts.idle_count > IDLE_MAX)
		user_forget(TAILQ_FIRST(&accounts.idle));
}

static bool is_over(const struct rate *r, uint64_t period_ns, uint64_t now_ns)
{
	return r->at_ns == 0 || now_ns >= r->at_ns + period_ns;
}

static void users_forget(uint64_t now_ns)
{
	struct user *u, *next;
	for (u = TAILQ_FIRST(&accounts.idle); u; u = next) {
		next = TAILQ_NEXT(u, idle);
		if (is_over(&u->rates.requests, NS_A_SECOND, now_ns) &&
		    is_over(&u->rates.connections, NS_A_SECOND, now_ns) &&
		    is_over(&u->rates.leases, NS_A_MINUTE, now_ns))
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
	LIST_INSERT_HEAD(&accounts.users, u, link);
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
		TAILQ_REMOVE(&accounts.idle, u, idle);
		accounts.idle_count--;
		pool->idle--;
		pool->users++;
	}
	u->references++;
	return 0;
}

void account_done(void)
{
	while (!TAILQ_EMPTY(&accounts.idle))
		user_forget(TAILQ_FIRST(&accounts.idle));
}

static int get(struct user **ret, const char *pool, const struct limits *limits, uid_t uid,
	       uint64_t now_ns, bool again)
{
	pthread_mutex_lock(&accounts.lock);
	users_forget(now_ns);
	struct user *u = user_find(pool, uid);
	if (!u)
		u = user_new(pool, limits, uid);
	int r = u ? user_join(u, again ? UINT64_MAX : u->pool->limits.most_users) : -ENOMEM;
	if (r == 0)
		*ret = u;
	pthread_mutex_unlock(&accounts.lock);
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
	pthread_mutex_lock(&accounts.lock);
	u->references++;
	pthread_mutex_unlock(&accounts.lock);
	return u;
}

void user_put(struct user *u)
{
	pthread_mutex_lock(&accounts.lock);
	if (--u->references == 0) {
		u->pool->users--;
		user_retire(u);
	}
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

uint64_t account_most(const struct limits *l, enum account_kind kind)
{
	return kind == ACCOUNT_FILES ? limits_files(l) : l->most[kind];
}

static int charge(uint64_t *used, uint64_t most, uint64_t n)
{
	if (n > 0 && (*used > most || n > most - *used))
		return -EDQUOT;
	*used += n;
	return 0;
}

int account_charge(struct user *u, enum account_kind kind, uint64_t n, char why[LIMITS_SAID_BYTES])
{
	pthread_mutex_lock(&accounts.lock);
	uint64_t most = account_most(&u->pool->limits, kind);
	int r = charge(&u->used[kind], most, n);
	if (r < 0 && why)
		limits_say_amount(why, u->pool->name, kind,
				  &(struct limits_used){most, u->used[kind], n});
	pthread_mutex_unlock(&accounts.lock);
	return r;
}

void account_take(struct user *u, enum account_kind kind, uint64_t n)
{
	pthread_mutex_lock(&accounts.lock);
	u->used[kind] += n;
	pthread_mutex_unlock(&accounts.lock);
}

bool account_is_answered(void)
{
	return true;
}

bool account_is_closed(void)
{
	return false;
}

void account_rest(struct user *u)
{
	(void)u;
}

void account_release(struct user *u, enum account_kind kind, uint64_t n)
{
	pthread_mutex_lock(&accounts.lock);
	assert(u->used[kind] >= n);
	u->used[kind] -= n;
	pthread_mutex_unlock(&accounts.lock);
}

uint64_t account_bound(const struct user *u, enum account_kind kind)
{
	pthread_mutex_lock(&accounts.lock);
	uint64_t most = account_most(&u->pool->limits, kind), used = u->used[kind];
	pthread_mutex_unlock(&accounts.lock);
	return used > most ? used : most;
}

/* Is any credit left? Each period begins with `most`. */
static bool rate_has(struct rate *r, uint64_t most, uint64_t period_ns, uint64_t now_ns)
{
	if (is_over(r, period_ns, now_ns))
		*r = (struct rate){.credit = most, .at_ns = now_ns};
	return r->credit > 0;
}

/* Takes one from the user's credit and one from the pool's. False: one of them has none left. */
static bool rate_take(const struct pool *pool, struct rate *of_pool, struct rate *of_user,
		      uint64_t most, uint64_t period_ns, uint64_t now_ns)
{
	uint64_t all;
	if (__builtin_mul_overflow(most, pool->limits.most_users, &all))
		all = UINT64_MAX;
	bool within = rate_has(of_pool, all, period_ns, now_ns) &&
		      rate_has(of_user, most, period_ns, now_ns);
	of_pool->credit -= within;
	of_user->credit -= within;
	return within;
}

bool account_request(struct user *u, uint64_t now_ns, char why[LIMITS_SAID_BYTES])
{
	struct pool *pool = u->pool;
	pthread_mutex_lock(&accounts.lock);
	bool within = rate_take(pool, &pool->rates.requests, &u->rates.requests,
				pool->limits.requests_per_second, NS_A_SECOND, now_ns);
	if (!within && why)
		limits_say_requests(why, pool->name, &pool->limits);
	pthread_mutex_unlock(&accounts.lock);
	return within;
}

bool account_connection(struct user *u, uint64_t now_ns, char why[LIMITS_SAID_BYTES])
{
	struct pool *pool = u->pool;
	pthread_mutex_lock(&accounts.lock);
	bool within = rate_take(pool, &pool->rates.connections, &u->rates.connections,
				pool->limits.connections_per_second, NS_A_SECOND, now_ns);
	if (!within && why)
		limits_say_connections(why, pool->name, &pool->limits);
	pthread_mutex_unlock(&accounts.lock);
	return within && account_request(u, now_ns, why);
}

bool account_lease(struct user *u, uint64_t now_ns, char why[LIMITS_SAID_BYTES])
{
	struct pool *pool = u->pool;
	pthread_mutex_lock(&accounts.lock);
	struct rate *of_pool = &pool->rates.leases, *of_user = &u->rates.leases;
	bool within = rate_take(pool, of_pool, of_user, pool->limits.leases_per_minute, NS_A_MINUTE,
				now_ns);
	if (!within && why) {
		const struct rate *spent = of_pool->credit == 0 ? of_pool : of_user;
		uint64_t anew_ns = spent->at_ns + NS_A_MINUTE;
		limits_say_leases(why, pool->name, &pool->limits,
				  (anew_ns - now_ns + NS_A_SECOND - 1) / NS_A_SECOND);
	}
	pthread_mutex_unlock(&accounts.lock);
	return within;
}

int account_hardware(struct user *u, uint32_t n, char why[LIMITS_SAID_BYTES])
{
	pthread_mutex_lock(&accounts.lock);
	uint64_t most = account_most(&u->pool->limits, ACCOUNT_QUEUES);
	int r = charge(&u->hardware, most, n);
	if (r < 0 && why)
		limits_say_hardware(why, u->pool->name,
				    &(struct limits_used){most, u->hardware, n});
	pthread_mutex_unlock(&accounts.lock);
	return r;
}

void account_hardware_release(struct user *u, uint32_t n)
{
	pthread_mutex_lock(&accounts.lock);
	assert(u->hardware >= n);
	u->hardware -= n;
	pthread_mutex_unlock(&accounts.lock);
}

void account_hardware_take(struct user *u, uint32_t n)
{
	pthread_mutex_lock(&accounts.lock);
	u->hardware += n;
	pthread_mutex_unlock(&accounts.lock);
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
		users += u->references > 0;
		for (int kind = 0; kind < ACCOUNT_KINDS; kind++)
			ret_used[kind] += u->used[kind];
	}
	pthread_mutex_unlock(&accounts.lock);
	return users;
}
