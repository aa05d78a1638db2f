/* SPDX-License-Identifier: MIT */
/*
 * How often a user may do what costs each time: make requests, connect, lease hardware queues, have
 * its pumps ask the broker. Each is allowed at a steady pace, and some of them at once after a
 * pause (the burst), so that what a user does at its worst is spread and others notice little of
 * it. All users of a pool together have the rate and the burst of as many users as the pool may
 * have.
 *
 * Rates are remembered for as long as they hold, even if nobody has a reference to the user any
 * more. Any thread may call.
 */
#ifndef ZCRXD_RATES_H
#define ZCRXD_RATES_H

#include <stdbool.h>
#include <stdint.h>

#include "policy/limits.h"

struct user;

/* May the user have all bursts, as one that has done nothing? */
bool rates_are_whole(const struct user *u, uint64_t now_ns);

/*
 * Counts one request. Returns false if it exceeds the rate of the user or that of its pool: it is
 * not made yet. now_ns: monotonic.
 */
bool rates_request(struct user *u, uint64_t now_ns);

/*
 * Counts one connection. If it returns false the connection is refused with the sentence in `why`
 * (as by account_charge()).
 */
bool rates_connection(struct user *u, uint64_t now_ns, char why[LIMITS_SAID_BYTES]);

/*
 * Counts one lease of hardware queues. *ret_wait_ns becomes for how long the caller has to wait
 * before it takes the lease, LEASE_WAIT_MAX_NS at most. If it would have to wait longer nothing is
 * counted, false is returned, and `why` says also how long it takes until there is a lease.
 */
#define LEASE_WAIT_MAX_NS 2000000000ull
bool rates_lease(struct user *u, uint64_t now_ns, uint64_t *ret_wait_ns,
		 char why[LIMITS_SAID_BYTES]);

/*
 * What the messages of a user's pumps cost, whatever they ask for: daemon/link/link.h says how much
 * each costs. rates_link() counts one that has come. While rates_link_wait(), in ns, is not 0 no
 * message of the user's is to be read. The rate follows from that of requests: a pump
 * that does what its client may ask for comes near it only with memory, which costs as much as
 * there is. Gigabytes that are made or pinned again and again have to wait.
 */
#define RATES_LINK_MOST 16384u /* nothing is counted for more */
uint64_t rates_link_wait(const struct user *u, uint64_t now_ns);
void rates_link(struct user *u, uint64_t cost, uint64_t now_ns);

#endif
