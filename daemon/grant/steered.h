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
	const struct hosted *hosted; /* instead of sock: it is to be connected to remote */
};

struct steered {
	uint32_t n;
	struct lease_rule *rules[STEERED_RULES_MAX];
	struct msg_addr locals[STEERED_RULES_MAX]; /* the rules' */
};

/*
 * Sets the rules. Returns NULL, or why there are none, a constant; what is in *ret either way is
 * to be undone with lease_unsteer().
 */
const char *steered_set(struct steered *ret, struct lease *l, const struct steer_wish *wish);

/*
 * The broker's: the same by what the socket said of itself. netns: its network namespace, if it is
 * foreign, or -1.
 */
const char *steered_by_facts(struct steered *ret, struct lease *l, const struct policy_class *class,
			     const struct socket_facts *facts, int netns);

/* Why there are none if the facts could not be told: the errno of socket_facts(). */
const char *steered_why(int error);

/* Is it why a listener has no rule though each of its connections can have one? */
bool steered_is_each(const char *why);

#endif
