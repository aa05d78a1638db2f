/* SPDX-License-Identifier: MIT */
/*
 * What was received, and how much of it was copied: of a queue, and of each flow. Most completions
 * tell; what the kernel counts for the queue only is shared out among the flows.
 */
#ifndef ZCRXD_TALLY_H
#define ZCRXD_TALLY_H

#include "daemon/pump/model.h"

/* Counts what is yet to be scanned, up to the CQ's tail. Returns how many of it are data. */
uint32_t tally(struct queue *q, uint32_t tail);

/* Why the flow is copied as a whole, as the rules say, or as is seen; a constant, or NULL. */
const char *tally_why_copied(const struct flow *f);

#endif
