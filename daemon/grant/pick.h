/* SPDX-License-Identifier: MIT */
/* Which of a NIC's queues a lease gets. After pick_init() the caller holds the NIC's lock. */
#ifndef ZCRXD_PICK_H
#define ZCRXD_PICK_H

#include <stdbool.h>
#include <stdint.h>

#include "nic/ready.h"

struct config_nic;
struct guard;
struct guarded;
struct policy_class;

struct pick {
	const struct config_nic *config; /* borrowed */

	/* For each queue of config->queues: */
	bool *taken;   /* it is leased */
	bool *free;    /* while a queue is picked: the class may have it */
	bool *reached; /* while a queue is picked: others' packets are led to it */
};

/* Returns 0 or -ENOMEM. */
int pick_init(struct pick *p, const struct config_nic *config);

/* How many queues may the class have, leased ones among them? */
uint32_t pick_all(const struct pick *p, const struct policy_class *class);

/* Finds the queues that the class may have and that are not leased. Returns how many these are. */
uint32_t pick_free(struct pick *p, const struct policy_class *class);

/*
 * Picks lease->n queues, and writes them to lease->rxqs, of those that pick_free() found and that
 * packets of others are not led to. A queue that another program holds is the last choice: the
 * kernel may not have let go of it yet. Returns 0, or a negative errno with a sentence in why:
 * -EBUSY if there are too few.
 *
 * left_behind: a zcrxd that died may have left rules on the NIC. They do not count, since they are
 * deleted before the queue is leased.
 */
int pick_queues(struct pick *p, struct guard *guard, uint32_t ifindex, bool left_behind,
		struct guarded *lease, char why[NIC_SENTENCE_BYTES]);

/* Are these queues that may be leased, and are not? Returns 0 or -EBUSY. */
int pick_again(const struct pick *p, const uint32_t *rxqs, uint32_t n);

/* These queues are leased from now on, or not any more. */
void pick_mark(struct pick *p, const uint32_t *rxqs, uint32_t n, bool taken);

#endif
