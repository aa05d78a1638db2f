/* SPDX-License-Identifier: MIT */
/*
 * Who uses how much. Everything that costs is charged before it is acquired: to the *peer* (one
 * process), through it to its *user* (one uid), where the limits are, within a *pool* (one class of
 * zcrxd.conf). Pools share nothing, and a pool has so many users at most: so what a class uses as a
 * whole is bounded, whatever uids it can come by.
 *
 * Bytes are sticky: a process can keep the memory of a queue it closed, so what was released stays
 * charged to the user until the process has exited, and is what its next charge is taken from.
 *
 * Any thread may charge and release; peers come and go on the control thread only.
 */
#ifndef ZCRXD_ACCOUNT_H
#define ZCRXD_ACCOUNT_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

enum account_kind {
	ACCOUNT_SESSIONS,
	ACCOUNT_QUEUES,
	ACCOUNT_AREAS,
	ACCOUNT_BYTES,
	ACCOUNT_FLOWS, /* listeners included */
	ACCOUNT_LISTENERS,
	ACCOUNT_KINDS,
};

/* Of each user of a class. */
struct limits {
	uint64_t most[ACCOUNT_KINDS];
	uint64_t requests_per_second; /* further ones wait */
	uint64_t leases_per_minute;   /* further ones are refused */
	uint64_t most_users;          /* of the class at once */
};

struct peer;

/*
 * The peer of a process, which pidfd (borrowed) names, as a user of a pool; a reference. A pool
 * that is new gets these limits. now_ns is monotonic. Returns 0, -EDQUOT if the pool has as many
 * users as it may, or another negative errno.
 */
int peer_get(struct peer **ret, const char *pool, const struct limits *limits, uid_t uid, int pidfd,
	     uint64_t now_ns);

/*
 * Drops a reference. Returns true if the peer lives on because its process still runs and may hold
 * memory, and nobody waits for that yet: then peer_exited() is to be called, once, when it has
 * gone.
 */
bool peer_put(struct peer *p);
void peer_exited(struct peer *p);

/* Drops everybody. */
void account_done(void);

/* Asks anew for the limits of each pool; what is beyond them already stays. */
void account_limits(const struct limits *(*find)(const char *pool, void *data), void *data);

/* Returns 0 or -EDQUOT. */
int account_charge(struct peer *p, enum account_kind kind, uint64_t n);
void account_release(struct peer *p, enum account_kind kind, uint64_t n);

/*
 * One request of the user's more: within its rate, and its pool's, which is that of as many users
 * as it may have? The rate is remembered for as long as it holds, even if the user has no peer any
 * more. now_ns is monotonic.
 */
bool account_request(struct peer *p, uint64_t now_ns);

/*
 * One lease of a hardware queue more, within the rate likewise. If not, ret_wait_s has for how many
 * seconds there is none.
 */
bool account_lease(struct peer *p, uint64_t now_ns, uint64_t *ret_wait_s);

/* What a pool uses, all its users together; returns how many these are. */
uint64_t account_used(const char *pool, uint64_t ret_used[ACCOUNT_KINDS]);

#endif
