/* SPDX-License-Identifier: MIT */
/*
 * Gathers what decides to which receive queue of a NIC a packet goes: its RSS tables and its ntuple
 * rules. exclusive.h judges them.
 */
#ifndef ZCRX_NIC_STEERING_H
#define ZCRX_NIC_STEERING_H

#include "nic/ntuple.h"

/* An RSS table: the NIC's own (context 0), or a further one, which only rules lead to. */
struct nic_table {
	uint32_t context;
	uint32_t *queues; /* the queue of each entry */
	uint32_t n;
};

struct nic_steering {
	int rss_err; /* a negative errno, or 0: these are all tables there are */
	struct nic_table *tables;
	uint32_t n_tables;

	int rules_err; /* a negative errno, or 0: these are all rules there are */
	struct nic_rule_at *rules;
	uint32_t n_rules;
};

/* Gathers from an interface of this network namespace. nic_steering_done() frees what it found. */
void nic_steering_gather(struct nic_steering *s, const char *nic, uint32_t ifindex);
void nic_steering_done(struct nic_steering *s);

/* Copies the table's queues. Returns false if there is no memory for that. */
bool nic_steering_add(struct nic_steering *s, uint32_t context, const uint32_t *queues, uint32_t n);

/* The RSS table of a context, or NULL if there is none. */
const struct nic_table *nic_steering_table(const struct nic_steering *s, uint32_t context);
/* Does the table lead to the queue? No if there is no table. */
bool nic_table_has(const struct nic_table *t, uint32_t queue);

#endif
