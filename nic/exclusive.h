/* SPDX-License-Identifier: MIT */
/*
 * May a client's memory be filled from a receive queue? Only while nothing but our rules leads
 * packets there, and while each rule's address is still where it was when the rule was judged; else
 * the payload of others lands in it. This is the only place that decides it, from facts alone
 * (steering.h, reach.h): it asks nobody.
 */
#ifndef ZCRX_NIC_EXCLUSIVE_H
#define ZCRX_NIC_EXCLUSIVE_H

#include "nic/reach.h"
#include "nic/steering.h"

/* A rule of ours, and what the facts say about it. */
struct nic_own_rule {
	struct nic_rule rule;
	uint32_t location;       /* NIC_NOWHERE: it is not set */
	struct nic_place judged; /* where its local address was when it was made */
	struct nic_place now;    /* ... and is */

	/* The verdict. */
	enum {
		NIC_OWN_STANDS,
		NIC_OWN_GONE,    /* nothing stands where it stood */
		NIC_OWN_REPLACED /* something else does, which is not ours */
	} state;
	bool moved;                          /* its address is elsewhere */
	const struct nic_rule_at *overruled; /* by this one, for all of its packets; or NULL */
};

/* Fills in the verdicts, and marks the rules in s that are ours. */
void nic_exclusive_judge(struct nic_steering *s, struct nic_own_rule *own, uint32_t n);

/* What leads packets of others to a queue. */
struct nic_intruder {
	enum {
		NIC_INTRUDER_TABLE,   /* the NIC's own RSS table */
		NIC_INTRUDER_CONTEXT, /* a further one */
		NIC_INTRUDER_RULE,
		NIC_INTRUDER_SPREAD, /* a rule together with a table */
	} kind;
	uint32_t queue;
	uint32_t context;
	const struct nic_rule_at *rule; /* or NULL */
};

/*
 * What leads packets of others to the queue, as far as there is room for it, after
 * nic_exclusive_judge(). Returns how many there are.
 */
uint32_t nic_intruders(const struct nic_steering *s, uint32_t queue, struct nic_intruder *ret,
		       uint32_t room);

/*
 * A part of a sentence: "ntuple rule 3 (TCP over IPv4 to port 443), which is not zcrxd's, steers to
 * queue 2". Not for clients: addresses and ports are those of others. nic_intruder_number() leaves
 * them out.
 */
#define NIC_INTRUDER_BYTES 160
void nic_intruder_text(const struct nic_intruder *i, char text[NIC_INTRUDER_BYTES]);
void nic_intruder_number(const struct nic_intruder *i, char text[NIC_INTRUDER_BYTES]);

#endif
