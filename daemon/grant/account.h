/* SPDX-License-Identifier: MIT */
/*
 * Who uses how much. Everything that costs is charged before it is acquired. It is charged to a
 * *user* (one uid), who has limits, within a *pool* (one class of zcrxd.conf). Pools share nothing,
 * and a pool has a limited number of users: so what a class uses as a whole is bounded, whatever
 * uids it can come by. Memory that a client can go on using is charged until nobody has it:
 * files.h.
 *
 * Any thread may call.
 */
#ifndef ZCRXD_ACCOUNT_H
#define ZCRXD_ACCOUNT_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "policy/limits.h"

struct user;

/*
 * *ret becomes a reference to the user with this uid in the pool. A new pool gets these limits.
 * now_ns: monotonic. Returns 0, -EDQUOT if the pool has as many users as it may, or another
 * negative errno. `why` as with account_charge().
 */
int user_get(struct user **ret, const char *pool, const struct limits *limits, uid_t uid,
	     uint64_t now_ns, char why[LIMITS_SAID_BYTES]);

/* The same for a user that a broker before this one had, however many users the pool may have. */
int user_again(struct user **ret, const char *pool, const struct limits *limits, uid_t uid,
	       uint64_t now_ns);

/* Takes one more reference, or gives one up. */
struct user *user_ref(struct user *u);
void user_put(struct user *u);

/* Forgets all users. To be called when nobody holds a reference. */
void account_done(void);

/* Asks anew for the limits of each pool. A user keeps what it has, even if it is beyond them. */
void account_limits(const struct limits *(*find)(const char *pool, void *data), void *data);

/* How much of this kind may a user have? */
uint64_t account_most(const struct limits *l, enum account_kind kind);

/*
 * Returns 0 or -EDQUOT; a pump also what asking the broker returned. With -EDQUOT `why` gets the
 * sentence, or "" if the broker did not send one. NULL: nobody is told.
 */
int account_charge(struct user *u, enum account_kind kind, uint64_t n, char why[LIMITS_SAID_BYTES]);
void account_release(struct user *u, enum account_kind kind, uint64_t n);

/* Charges what the user has already, even beyond the limit. */
void account_take(struct user *u, enum account_kind kind, uint64_t n);

/* Will no charge be answered? So it is in a pump whose broker is of a release too far from its own.
 */
bool account_is_closed(void);

/*
 * Charges the n hardware queues of a lease, of which a user may have as many as queues, from before
 * they are leased until nobody has them any more. Returns 0 or -EDQUOT.
 */
int account_hardware(struct user *u, uint32_t n, char why[LIMITS_SAID_BYTES]);
void account_hardware_release(struct user *u, uint32_t n);

/* Charges those of a lease of the broker before, whatever the limit. */
void account_hardware_take(struct user *u, uint32_t n);

/*
 * Charges a socket of zcrxd's network namespace that is opened for the user, from before it
 * listens or connects until nobody has it: files_host() does it. There are no more of them than the
 * user may have flows, and no more that listen than listeners. Returns 0 or -EDQUOT.
 */
int account_hosted(struct user *u, bool listening);
void account_hosted_release(struct user *u, bool listening);

/* No less than a user has now or can have before the limits change. */
uint64_t account_bound(const struct user *u, enum account_kind kind);

/* Sums up what all users of a pool use. Returns how many users these are. */
uint64_t account_used(const char *pool, uint64_t ret_used[ACCOUNT_KINDS]);

#endif
