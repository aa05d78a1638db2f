/* SPDX-License-Identifier: MIT */
/*
 * What whoever looks after a NIC (guard.h) has to tell whoever has a lease of it, who is another
 * thread: that the lease is lost, or that something became of its rules.
 */
#ifndef ZCRXD_GUARDED_H
#define ZCRXD_GUARDED_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>

#include "nic/ready.h"

struct guarded {
	LIST_ENTRY(guarded) link;
	const uint32_t *rxqs; /* borrowed */
	uint32_t n;
	int poke; /* eventfd, borrowed: written when there are news */

	bool news;                    /* atomic */
	uint32_t reason;              /* atomic; why it is lost, or REASON_NONE */
	char why[NIC_SENTENCE_BYTES]; /* then a sentence */
};

/* With the NIC's lock held. Returns false if the lease was lost before. */
bool guarded_lose(struct guarded *lease, uint32_t reason, const char *why);
/* Likewise: rule_why() of its rules changed. */
void guarded_tell(struct guarded *lease);

/* By any thread, as long as the lease lasts. Is there news since the last call? */
bool guarded_has_news(struct guarded *lease);
/* The reason and a sentence if it is lost; REASON_NONE if not. */
uint32_t guarded_lost(const struct guarded *lease, const char **ret_why);

#endif
