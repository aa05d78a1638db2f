/* SPDX-License-Identifier: MIT */
/*
 * What decides to which receive queue of a NIC a packet goes: its RSS tables and its ntuple rules.
 * Only gathered here; exclusive.h judges it.
 */
#ifndef ZCRX_NIC_STEERING_H
#define ZCRX_NIC_STEERING_H

#include "nic/ntuple.h"

/* An RSS table: the NIC's own (context 0), or a further one, which only rules lead to. */
struct nic_table {
	uint32_t context;
	uint32_t *queues; /* entry -> queue */
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

/* Of an interface of this network namespace. nic_steering_done() frees what it found. */
void nic_steering_gather(struct nic_steering *s, const char *nic, uint32_t ifindex);
void nic_steering_done(struct nic_steering *s);

/* Copies the table's queues. Returns false if there is no memory for that. */
bool nic_steering_add(struct nic_steering *s, uint32_t context, const uint32_t *queues, uint32_t n);

/* NULL if there is no such table. */
const struct nic_table *nic_steering_table(const struct nic_steering *s, uint32_t context);
/* False for NULL. */
bool nic_table_has(const struct nic_table *t, uint32_t queue);

#endif
