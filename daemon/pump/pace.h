/* SPDX-License-Identifier: MIT */
/*
 * How long a queue's pump lets traffic gather before its next turn.
 *
 * Thin traffic is never held up. A dense stream is taken in batches: fewer enters, fewer wake-ups,
 * and the sender runs on meanwhile. The wait is what a good batch takes at the rate of late, but no
 * more than some turns take, so that fast machines wait for little, and than the backend's limit.
 * Where waiting brings next to nothing, because the peer waits for an answer, it stops, and is
 * tried again after ever longer times.
 *
 * Pure: the caller brings the clock.
 */
#ifndef ZCRXD_PACE_H
#define ZCRXD_PACE_H

#include <stdint.h>

struct pace {
	uint32_t goal;    /* completions a turn should bring; 0: never wait */
	uint32_t most_us; /* the backend's limit */
	uint32_t wait_us; /* chosen last */
	struct {
		uint64_t since_ns, bytes, completions, turns, busy_ns;
	} window;
	uint32_t worth_us;    /* the wait that suits the last full window; 0: it was thin */
	uint64_t distrust_ns; /* how long the next disappointment counts */
	uint64_t distrusted_until_ns;
};

/* buffers, cq_entries: what the queue has; most_us: its backend's limit. */
void pace_init(struct pace *p, uint32_t buffers, uint32_t cq_entries, uint32_t most_us);

/*
 * A turn from began_ns to now_ns brought this many completions and bytes. Returns the wait in
 * microseconds.
 */
uint32_t pace_next(struct pace *p, uint64_t began_ns, uint64_t now_ns, uint32_t completions,
		   uint64_t bytes);

#endif
