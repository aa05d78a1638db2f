/* SPDX-License-Identifier: MIT */
/*
 * The leases that a pump has, and the rules of each. They change on the pump's own thread, and
 * before it has work; another thread that looks at a list has the pump's lock.
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
	const char *why; /* as it was told */
	uint32_t record; /* the number of its entry */
};

struct held_lease {
	LIST_ENTRY(held_lease) link;
	uint32_t id;
	struct lease *lease;
	uint32_t lost;   /* as it was told */
	uint32_t record; /* the number of its entry */
	/*
	 * By the lock of the list. How many hands are registering its queues; whether one was given
	 * up, which may do it all the same, later: then the queues are the pump's until it ends.
	 */
	uint32_t registering;
	bool given_up;
	LIST_HEAD(, held_rule) rules;
};

/* NULL: there is none with this number. */
struct held_lease *held_find(struct pump *p, uint32_t id);
struct held_rule *held_rule_find(const struct held_lease *h, uint32_t id);

/* The pump has it from now on. */
void held_add(struct pump *p, struct held_lease *h);
void held_rule_add(struct pump *p, struct held_lease *h, struct held_rule *rule);

/* It ends, is struck from the record, and is freed. A lease ends with its rules. */
void held_drop(struct pump *p, struct held_lease *h);
void held_rule_drop(struct pump *p, struct held_lease *h, struct held_rule *rule);
void held_rules_drop(struct pump *p, struct held_lease *h);

#endif
