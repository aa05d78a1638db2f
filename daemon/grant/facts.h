/* SPDX-License-Identifier: MIT */
/*
 * What is known, at one moment, of who leads packets to a NIC's queues: RSS tables, ntuple rules,
 * where the addresses of zcrxd's own rules are, and whether their sockets are there.
 * nic/exclusive.h judges it.
 */
#ifndef ZCRXD_FACTS_H
#define ZCRXD_FACTS_H

#include <stdbool.h>
#include <stdint.h>

#include "nic/exclusive.h"

struct rules;

struct facts {
	struct nic_steering steering;
	struct nic_own_rule *own; /* copies of zcrxd's rules, and what becomes of each */
	uint32_t n_own;
};

/* Begins with a copy of zcrxd's rules. With the NIC's lock held. Returns 0 or -ENOMEM. */
int facts_begin(struct facts *f, const struct rules *rules);
void facts_done(struct facts *f);

/* Gathers what the NIC tells. Needs no lock. */
void facts_gather(struct facts *f, const char *nic, uint32_t ifindex);

/*
 * Gathers where the addresses of zcrxd's rules are now. Where that cannot be told an address is
 * taken to be where it was. Needs no lock.
 */
void facts_gather_places(struct facts *f, const char *nic);

/*
 * Gathers which of zcrxd's rules have lost their socket. Where that cannot be told it is taken to
 * be there. Needs no lock.
 */
void facts_gather_sockets(struct facts *f);

/* Returns 0, or the negative errno of why the NIC does not tell. */
int facts_error(const struct facts *f);

/*
 * Finds the first that leads packets to the queue and is not zcrxd's. The RSS table counts as one
 * only if table_counts. Returns false if there is none.
 */
bool facts_intruder(const struct facts *f, uint32_t queue, bool table_counts,
		    struct nic_intruder *ret);

/* Counts rules that look like zcrxd's as zcrxd's: a zcrxd that died may have left them. */
void facts_adopt(struct facts *f);

#endif
