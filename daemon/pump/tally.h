/* SPDX-License-Identifier: MIT */
/*
 * How much was received, and how much of that was copied, for a queue and for each of its flows.
 * Most completions say whether they were copied. What the kernel counts for the queue as a whole is
 * shared out among the flows.
 */
#ifndef ZCRXD_TALLY_H
#define ZCRXD_TALLY_H

#include "daemon/pump/model.h"

/* Counts the completions from q->scanned to tail. Returns how many of them are data. */
uint32_t tally(struct queue *q, uint32_t tail);

#endif
