/* SPDX-License-Identifier: MIT */
/*
 * What was received, and how much of it was copied: of a queue, and of each flow. Most completions
 * tell; what the kernel counts for the queue only is shared out among the flows.
 */
#ifndef ZCRXD_TALLY_H
#define ZCRXD_TALLY_H

#include "model.h"

/* Completions that were scanned and are to be counted. */
struct tally {
	uint32_t from, to; /* in the CQ */
	uint32_t data;     /* of these */
	uint64_t bytes, copied;
};

/* Counts them, and begins anew behind them. */
void tally_count(struct queue *q, struct tally *t);

#endif
