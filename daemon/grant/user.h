/* SPDX-License-Identifier: MIT */
/*
 * The users that are charged, and their pools. For the files behind account.h and rates.h alone:
 * users.c makes and forgets users, account.c counts how much they have, rates.c how often they do
 * something. kept.c counts what it has closed.
 */
#ifndef ZCRXD_USER_H
#define ZCRXD_USER_H

#include <stdint.h>
#include <sys/queue.h>
#include <sys/types.h>

#include "policy/limits.h"

enum rate_kind {
	RATE_REQUESTS,
	RATE_CONNECTIONS,
	RATE_LEASES,
	RATE_LINK, /* what its pumps' messages cost */
	RATE_KINDS
};

/*
 * From when on each whole burst may be had, if nothing is done until then; see rates.c. All zero:
 * nothing was done yet.
 */
struct rates {
	uint64_t whole_ns[RATE_KINDS];
};

struct pool {
	LIST_ENTRY(pool) link;
	struct limits limits;
	uint64_t users, idle; /* users with references, and without */
	struct rates rates;   /* of all its users together */
	char name[];
};

/*
 * A user without references is idle. It is remembered until its rates are whole, so that
 * connecting again brings it nothing. If too many users are idle the one that is idle longest is
 * forgotten; the rates of the pool bound what its users do all the same.
 */
struct user {
	LIST_ENTRY(user) link;
	TAILQ_ENTRY(user) idle;
	struct pool *pool;
	uid_t uid;
	uint64_t references;
	uint64_t used[ACCOUNT_KINDS];
	uint64_t hardware;                 /* queues, in leases */
	uint64_t hosted, hosted_listening; /* sockets of the host that somebody has */
	struct rates rates;
	uint64_t closed; /* dma-bufs that were kept for it (kept.c, under its lock) */
};

LIST_HEAD(user_list, user);

/* Whoever looks at a user or a pool, or changes it, holds this lock. */
void users_lock(void);
void users_unlock(void);

/* All users, also idle ones. */
const struct user_list *users_all(void);

#endif
