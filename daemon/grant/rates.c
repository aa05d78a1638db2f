/* SPDX-License-Identifier: MIT */
#include "daemon/grant/rates.h"

#include "base/clock.h"
#include "daemon/grant/user.h"

/*
 * Something that may be done `most` times in a period takes a period / most of its user's time. A
 * user that has done more than its time allows is ahead; it may be ahead by its burst.
 */
struct pace {
	uint64_t period_ns, most, burst;
};

/* The burst, unless `most` is less: a quarter of a period's, or `least` if that is more. */
static struct pace pace(uint64_t period_ns, uint64_t most, uint64_t least, bool quarter)
{
	uint64_t burst = quarter && most / 4 > least ? most / 4 : least;
	return (struct pace){period_ns, most, burst < most ? burst : most};
}

/*
 * What a user's pumps may have the broker do for each request that the user may make. To open a
 * queue or add an area and to end it again costs 20 to 70, two requests, and what the memory costs
 * (link_cost()). The least is for who may make few requests: after a restart of the broker each of
 * its pumps says what it has.
 */
#define LINK_A_REQUEST      32u
#define LINK_REQUESTS_LEAST 128u
#define LINK_BURST_LEAST    4096u

static struct pace pace_of_link(const struct limits *l)
{
	uint64_t n = l->requests_per_second, most;
	if (n < LINK_REQUESTS_LEAST)
		n = LINK_REQUESTS_LEAST;
	if (__builtin_mul_overflow(n, LINK_A_REQUEST, &most))
		most = UINT64_MAX;
	return pace(NS_A_SECOND, most, LINK_BURST_LEAST, true);
}

/*
 * 16 leases are all the queues that a user has by default, 32 connections all of its sessions. Of
 * leases it is never more at once, since each may hold up everybody's packets for a moment.
 */
static struct pace pace_of(const struct limits *l, enum rate_kind kind)
{
	if (kind == RATE_REQUESTS)
		return pace(NS_A_SECOND, l->requests_per_second, 16, true);
	if (kind == RATE_CONNECTIONS)
		return pace(NS_A_SECOND, l->connections_per_second, 32, true);
	if (kind == RATE_LINK)
		return pace_of_link(l);
	return pace(60 * NS_A_SECOND, l->leases_per_minute, 16, false);
}

/* Of n users together. */
static struct pace times(struct pace p, uint64_t n)
{
	if (__builtin_mul_overflow(p.most, n, &p.most))
		p.most = UINT64_MAX;
	if (__builtin_mul_overflow(p.burst, n, &p.burst))
		p.burst = UINT64_MAX;
	return p;
}

/* How long n of them take. */
static uint64_t takes(const struct pace *p, uint64_t n)
{
	uint64_t ns;
	if (__builtin_mul_overflow(p->period_ns, n, &ns))
		return p->period_ns / p->most * n;
	return ns / p->most;
}

/* How long is it until one more may be done? */
static uint64_t wait(const struct rates *r, enum rate_kind kind, const struct pace *p,
		     uint64_t now_ns)
{
	uint64_t whole_ns = r->whole_ns[kind], ahead_ns = whole_ns > now_ns ? whole_ns - now_ns : 0;
	uint64_t may_ns = takes(p, p->burst - 1);
	return ahead_ns > may_ns ? ahead_ns - may_ns : 0;
}

static void count(struct rates *r, enum rate_kind kind, const struct pace *p, uint64_t n,
		  uint64_t now_ns)
{
	uint64_t *whole_ns = &r->whole_ns[kind];
	*whole_ns = (*whole_ns > now_ns ? *whole_ns : now_ns) + takes(p, n);
}

/*
 * Counts one for the user and its pool if it has to wait for no longer than wait_max_ns. Returns
 * how long it has to. What users wait for counts for the pool as well, beyond the burst; so as many
 * users as a pool may have never wait for each other.
 */
static uint64_t take(struct user *u, enum rate_kind kind, uint64_t now_ns, uint64_t wait_max_ns)
{
	struct pool *pool = u->pool;
	struct pace one = pace_of(&pool->limits, kind), all = times(one, pool->limits.most_users);
	if (one.most == 0) /* the class has gone, as the user may not have noticed */
		return one.period_ns + wait_max_ns;
	uint64_t of_user = wait(&u->rates, kind, &one, now_ns);
	uint64_t of_pool = wait(&pool->rates, kind, &all, now_ns + wait_max_ns);
	uint64_t ns = of_user > of_pool ? of_user : of_pool;
	if (ns <= wait_max_ns) {
		count(&u->rates, kind, &one, 1, now_ns);
		count(&pool->rates, kind, &all, 1, now_ns);
	}
	return ns;
}

bool rates_are_whole(const struct user *u, uint64_t now_ns)
{
	for (int kind = 0; kind < RATE_KINDS; kind++)
		if (u->rates.whole_ns[kind] > now_ns)
			return false;
	return true;
}

bool rates_request(struct user *u, uint64_t now_ns)
{
	users_lock();
	bool within = take(u, RATE_REQUESTS, now_ns, 0) == 0;
	users_unlock();
	return within;
}

bool rates_connection(struct user *u, uint64_t now_ns, char why[LIMITS_SAID_BYTES])
{
	users_lock();
	bool within = take(u, RATE_CONNECTIONS, now_ns, 0) == 0;
	if (!within && why)
		limits_say_connections(why, u->pool->name, &u->pool->limits);
	users_unlock();
	return within;
}

/*
 * One message may be dearer than all that the user has left, and is counted when it has come. So
 * each user of a pool may be ahead by that much more.
 */
static struct pace pace_of_pool_link(const struct limits *l)
{
	struct pace p = pace_of_link(l);
	p.burst = p.burst < UINT64_MAX - RATES_LINK_MOST ? p.burst + RATES_LINK_MOST : UINT64_MAX;
	return times(p, l->most_users);
}

uint64_t rates_link_wait(const struct user *u, uint64_t now_ns)
{
	users_lock();
	const struct limits *l = &u->pool->limits;
	const struct pace one = pace_of_link(l), all = pace_of_pool_link(l);
	uint64_t of_user = wait(&u->rates, RATE_LINK, &one, now_ns);
	uint64_t of_pool = l->most_users ? wait(&u->pool->rates, RATE_LINK, &all, now_ns) : 0;
	users_unlock();
	return of_user > of_pool ? of_user : of_pool;
}

void rates_link(struct user *u, uint64_t cost, uint64_t now_ns)
{
	users_lock();
	const struct limits *l = &u->pool->limits;
	const struct pace one = pace_of_link(l), all = pace_of_pool_link(l);
	uint64_t n = cost < RATES_LINK_MOST ? cost : RATES_LINK_MOST;
	count(&u->rates, RATE_LINK, &one, n, now_ns);
	if (l->most_users)
		count(&u->pool->rates, RATE_LINK, &all, n, now_ns);
	users_unlock();
}

bool rates_lease(struct user *u, uint64_t now_ns, uint64_t *ret_wait_ns,
		 char why[LIMITS_SAID_BYTES])
{
	users_lock();
	uint64_t wait_ns = take(u, RATE_LEASES, now_ns, LEASE_WAIT_MAX_NS);
	bool within = wait_ns <= LEASE_WAIT_MAX_NS;
	if (within)
		*ret_wait_ns = wait_ns;
	else if (why)
		limits_say_leases(why, u->pool->name, &u->pool->limits,
				  (wait_ns + NS_A_SECOND - 1) / NS_A_SECOND);
	users_unlock();
	return within;
}
