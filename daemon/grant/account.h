/* SPDX-License-Identifier: MIT */
/*
 * Who uses how much. Everything that costs is charged before it is acquired, to its *user* (one
 * uid), where the limits are, within a *pool* (one class of zcrxd.conf). Pools share nothing, and a
 * pool has so many users at most: so what a class uses as a whole is bounded, whatever uids it can
 * come by. What a client can keep when it is gone for us is charged until nobody has it: files.h.
 *
 * Any thread may do any of this.
 */
#ifndef ZCRXD_ACCOUNT_H
#define ZCRXD_ACCOUNT_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "policy/limits.h"

struct user;

/*
 * The user of a pool who has this uid; a reference. A pool that is new gets these limits. now_ns is
 * monotonic. Returns 0, -EDQUOT if the pool has as many users as it may, or another negative errno.
 */
int user_get(struct user **ret, const char *pool, const struct limits *limits, uid_t uid,
	     uint64_t now_ns);

/* One reference more, and one less. */
struct user *user_ref(struct user *u);
void user_put(struct user *u);

/* Forgets all users; there are no references any more. */
void account_done(void);

/* Asks anew for the limits of each pool; what is beyond them already stays. */
void account_limits(const struct limits *(*find)(const char *pool, void *data), void *data);

/* How much a user may have. */
uint64_t account_most(const struct limits *l, enum account_kind kind);

/* Returns 0 or -EDQUOT. */
int account_charge(struct user *u, enum account_kind kind, uint64_t n);
void account_release(struct user *u, enum account_kind kind, uint64_t n);

/* Charges what is had already, whatever the limit. */
void account_take(struct user *u, enum account_kind kind, uint64_t n);

/* Would a charge be answered at once? Not in a pump without a broker. */
bool account_is_answered(void);

/*
 * One request of the user's more: within its rate, and its pool's, which is that of as many users
 * as it may have? The rate is remembered for as long as it holds, even if the user has no
 * reference any more. now_ns is monotonic.
 */
bool account_request(struct user *u, uint64_t now_ns);

/*
 * One lease of a hardware queue more, within the rate likewise. If not, ret_wait_s has for how many
 * seconds there is none.
 */
bool account_lease(struct user *u, uint64_t now_ns, uint64_t *ret_wait_s);

/* No less than a user has now or can have before the limits change. */
uint64_t account_bound(const struct user *u, enum account_kind kind);

/* What a pool uses, all its users together; returns how many these are. */
uint64_t account_used(const char *pool, uint64_t ret_used[ACCOUNT_KINDS]);

#endif
