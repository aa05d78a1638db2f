/* SPDX-License-Identifier: MIT */
/*
 * A lease as the guard of its NIC sees it (guard.h): which queues it has, and what the guard's
 * thread tells the thread that has the lease: that it is lost, or that something became of its
 * rules.
 */
#ifndef ZCRXD_GUARDED_H
#define ZCRXD_GUARDED_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>

#include "nic/ready.h"

#define LEASE_QUEUES_MAX 16

struct guarded {
	LIST_ENTRY(guarded) link;
	uint32_t rxqs[LEASE_QUEUES_MAX];
	uint32_t n; /* of rxqs */
	int poke;   /* eventfd, borrowed: written when there is news */

	bool news;                    /* atomic */
	uint32_t reason;              /* atomic: why it is lost, or REASON_NONE */
	char why[NIC_SENTENCE_BYTES]; /* the sentence, once there is a reason */
};

/* The lease is lost. With the NIC's lock held. Returns false if it was lost before. */
bool guarded_lose(struct guarded *lease, uint32_t reason, const char *why);

/* rule_why() of some of its rules has changed. With the NIC's lock held. */
void guarded_tell(struct guarded *lease);

/* Is there news since the last call? Any thread may ask as long as the lease lasts. */
bool guarded_has_news(struct guarded *lease);

/* Returns the reason with a sentence if the lease is lost, REASON_NONE if not. Any thread may ask.
 */
uint32_t guarded_lost(const struct guarded *lease, const char **ret_why);

#endif
