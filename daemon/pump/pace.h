/* SPDX-License-Identifier: MIT */
/*
 * How long a queue's pump lets traffic gather before its next turn.
 *
 * Thin traffic is never held up. A dense stream is taken in batches: fewer enters, fewer wake-ups,
 * and the sender runs on meanwhile. The wait ends when the batch is there (gather.h). What is said
 * here is how long it lasts at most: twice what the batch takes at the rate of late, but no more
 * than some turns take, so that fast machines wait for little, and than the backend's limit. Where
 * waiting brings next to nothing, because the peer waits for an answer, it stops, and is tried
 * again after ever longer times. So it is where many peers wait, whose requests together fill a
 * batch: then waiting brings less in the same time. To notice that, the pump does without waiting
 * now and then.
 *
 * Pure: the caller brings the clock.
 */
#ifndef ZCRXD_PACE_H
#define ZCRXD_PACE_H

#include <stdbool.h>
#include <stdint.h>

struct pace {
	uint32_t goal;    /* completions a turn should bring; 0: never wait */
	uint32_t most_us; /* the limit */
	uint32_t wait_us; /* chosen last */
	struct {
		uint64_t since_ns, bytes, completions, turns, busy_ns;
		uint64_t waits; /* turns that a wait came before */
	} window;
	uint64_t freely;      /* bytes in a millisecond when there was no wait last; 0: not known */
	uint32_t slow;        /* windows in a row in which waiting brought much less */
	uint64_t try_free_ns; /* when to try without waiting; 0: it does not wait now */
	uint32_t worth_us;    /* the wait that suits the last full window; 0: it was thin */
	uint64_t distrust_ns; /* how long the next disappointment counts */
	uint64_t distrusted_until_ns;
};

/* What bounds a batch. */
struct pace_limits {
	uint32_t buffers, buffer_bytes; /* of the queue's area */
	uint32_t cq_entries;
	uint32_t most_us; /* the backend's limit */
};

/* What a turn brought. */
struct pace_turn {
	uint64_t began_ns, now_ns;
	uint64_t bytes;
	uint32_t completions; /* with data */
	bool ran_out;         /* nothing ended the wait before the turn but time */
};

void pace_init(struct pace *p, const struct pace_limits *limits);

/* A turn is over. Returns how long the next one waits at most, in microseconds. */
uint32_t pace_next(struct pace *p, const struct pace_turn *t);

#endif
