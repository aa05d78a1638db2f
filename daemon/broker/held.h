/* SPDX-License-Identifier: MIT */
/*
 * The leases that a pump has, and the rules of each. They change in jobs (pump.h), and before there
 * are any. Whoever changes a list has the pump's lock, and so has who looks at one: but a job on a
 * lease may look at the rules of that lease, since no other job is on it.
 */
#ifndef ZCRXD_HELD_H
#define ZCRXD_HELD_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>

struct lease;
struct lease_rule;
struct pump;

struct held_rule {
	LIST_ENTRY(held_rule) link;
	uint32_t id;
	struct lease_rule *rule;
	const char *why; /* what the pump was told last: why it brings no packets, or NULL */
	uint32_t record; /* the number of its entry in the pump's record */
};

struct held_lease {
	LIST_ENTRY(held_lease) link;
	uint32_t id;
	struct lease *lease;
	uint32_t lost;   /* what the pump was told last: the reason why it is lost, or 0 */
	uint32_t record; /* the number of its entry in the pump's record */
	/*
	 * Both are guarded by the pump's lock. How many hands are registering its queues; whether
	 * one was given up. That hand may register them later: so the lease stays the pump's until
	 * the pump ends.
	 */
	uint32_t registering;
	bool given_up;
	LIST_HEAD(, held_rule) rules;
};

/* The lease, or the rule, with this number; or NULL. held_get() takes the lock itself. */
struct held_lease *held_find(struct pump *p, uint32_t id);
struct held_lease *held_get(struct pump *p, uint32_t id);
struct held_rule *held_rule_find(const struct held_lease *h, uint32_t id);

/* The pump has it from now on. */
void held_add(struct pump *p, struct held_lease *h);
void held_rule_add(struct pump *p, struct held_lease *h, struct held_rule *rule);

/* Ends it, strikes it from the record, and frees it; a lease with all of its rules. */
void held_drop(struct pump *p, struct held_lease *h);
void held_rule_drop(struct pump *p, struct held_lease *h, struct held_rule *rule);
void held_rules_drop(struct pump *p, struct held_lease *h);

#endif
