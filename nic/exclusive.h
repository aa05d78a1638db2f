/* SPDX-License-Identifier: MIT */
/*
 * Decides whether a client's memory may be filled from a receive queue: only while nothing but
 * zcrxd's rules leads packets there, and while the address of each rule is where it was when the
 * rule was judged. Else the payload of others would land in the memory. The decision follows from
 * gathered facts alone (steering.h, reach.h); nothing here asks the kernel.
 */
#ifndef ZCRX_NIC_EXCLUSIVE_H
#define ZCRX_NIC_EXCLUSIVE_H

#include "nic/reach.h"
#include "nic/steering.h"

/* A rule of ours, and what the facts say about it. */
struct nic_own_rule {
	struct nic_rule rule;
	uint32_t location;       /* where the rule stands; NIC_NOWHERE: it is not set */
	struct nic_place judged; /* where its local address was when the rule was made */
	struct nic_place now;    /* where its local address is now */
	bool abandoned;          /* its socket has gone, or is another one now */

	/* What nic_exclusive_judge() finds. */
	enum {
		NIC_OWN_STANDS,
		NIC_OWN_GONE,    /* nothing stands at its location */
		NIC_OWN_REPLACED /* a rule that is not zcrxd's stands at its location */
	} state;
	bool moved;                          /* its local address is not where it was */
	const struct nic_rule_at *overruled; /* the rule that takes all of its packets, or NULL */
};

/* Judges zcrxd's rules, and marks those of the NIC's rules in s that are zcrxd's. */
void nic_exclusive_judge(struct nic_steering *s, struct nic_own_rule *own, uint32_t n);

/* Something that leads packets of others to a queue. */
struct nic_intruder {
	enum {
		NIC_INTRUDER_TABLE,   /* the NIC's own RSS table */
		NIC_INTRUDER_CONTEXT, /* a further RSS table */
		NIC_INTRUDER_RULE,
		NIC_INTRUDER_SPREAD, /* a rule together with a table */
	} kind;
	uint32_t queue;
	uint32_t context;
	const struct nic_rule_at *rule; /* the rule, or NULL for a table */
};

/*
 * Finds what leads packets of others to the queue, once nic_exclusive_judge() has marked zcrxd's
 * rules. Writes as many as there is room for. Returns how many there are.
 */
uint32_t nic_intruders(const struct nic_steering *s, uint32_t queue, struct nic_intruder *ret,
		       uint32_t room);

/*
 * Describes the intruder: "ntuple rule 3 (TCP over IPv4 to port 443), which is not zcrxd's, steers
 * to queue 2". Its addresses and ports are those of others, so clients get the text of
 * nic_intruder_number(), which leaves them out.
 */
#define NIC_INTRUDER_BYTES 160
void nic_intruder_text(const struct nic_intruder *i, char text[NIC_INTRUDER_BYTES]);
void nic_intruder_number(const struct nic_intruder *i, char text[NIC_INTRUDER_BYTES]);

#endif
