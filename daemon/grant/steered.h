/* SPDX-License-Identifier: MIT */
/*
 * Which packets are led to a leased queue for a socket: those that are certainly the socket's, and
 * that the policy lets its user have. Called on a thread that may wait for a NIC.
 */
#ifndef ZCRXD_STEERED_H
#define ZCRXD_STEERED_H

#include <stdbool.h>
#include <stdint.h>

#include "proto/msg.h"

#define STEERED_RULES_MAX 16 /* a listener on all addresses has one for each of the NIC's */

struct hosted;
struct lease;
struct lease_rule;
struct policy_class;
struct socket_facts;

struct steer_wish {
	const struct policy_class *class;
	int sock;
	const struct hosted *hosted; /* not NULL: instead of sock, one that is not connected yet */
};

struct steered {
	uint32_t n;
	struct lease_rule *rules[STEERED_RULES_MAX];
	struct msg_addr locals[STEERED_RULES_MAX]; /* local addresses that the rules match */
};

/* Rules that are being set. */
struct steered_soon;

/*
 * Sets the rules, and does not wait until they stand: in a pump that may take until there is a
 * broker again. Returns 0 or -ENOMEM. After 0 steered_look() is called until it has returned true,
 * or steered_drop(); the lease's eventfd is written before. wish->sock is borrowed until then.
 */
int steered_begin(struct steered_soon **ret, struct lease *l, const struct steer_wish *wish);

/*
 * False: not yet. True: *ret has the rules, and *ret_why is NULL or a constant sentence that says
 * why there are none. The caller ends each rule in *ret, in either case.
 */
bool steered_look(struct steered_soon *s, struct steered *ret, const char **ret_why);

/* What comes of it ends with the lease. */
void steered_drop(struct steered_soon *s);

/* For whom, and the facts of the socket. */
struct steered_for {
	const struct policy_class *class;
	uint32_t uid; /* the client's user */
	const struct socket_facts *facts;
	int netns; /* the socket's network namespace, if that is not the broker's; or -1. Borrowed
		    */
};

/* The same by the facts of the socket. Only the broker has this. */
const char *steered_by_facts(struct steered *ret, struct lease *l, const struct steered_for *whom);

/* The sentence for a socket without facts; error: what socket_facts() returned. */
const char *steered_why(int error);

/* Does this sentence mean that the listener has no rule, but each of its connections can have one?
 */
bool steered_is_each(const char *why);

#endif
