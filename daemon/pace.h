/* SPDX-License-Identifier: MIT */
/*
 * How long a queue's pump lets traffic gather before its next turn.
 *
 * Thin traffic is never held up. A dense stream (bytes arrive faster than DENSE) is taken in
 * batches: fewer enters, fewer wake-ups, and the sender runs on meanwhile. Where waiting brings
 * next to nothing, because the peer waits for an answer, it stops, and is tried again after ever
 * longer times.
 *
 * Pure: the caller brings the clock.
 */
#ifndef ZCRXD_PACE_H
#define ZCRXD_PACE_H

#include <stdint.h>

#define PACE_WAIT_MOST_NS 50000u

struct pace {
	uint32_t goal;    /* completions a turn should bring; 0: never wait */
	uint32_t wait_us; /* chosen last */
	uint64_t window_ns, window_bytes;
	uint32_t dense;       /* the last full window was */
	uint64_t distrust_ns; /* how long the next disappointment counts */
	uint64_t distrusted_until_ns;
};

/* buffers, cq_entries: what the queue has. */
void pace_init(struct pace *p, uint32_t buffers, uint32_t cq_entries);

/* A turn brought this many completions and bytes. Returns the wait in microseconds. */
uint32_t pace_next(struct pace *p, uint64_t now_ns, uint32_t completions, uint64_t bytes);

#endif
