/* SPDX-License-Identifier: MIT */
/*
 * When and how the tokens of a devmem queue go back to the kernel: by SO_DEVMEM_DONTNEED on the
 * socket they came by. A call takes many tokens, and io_uring makes it along with everything else.
 *
 * Two invariants: nobody else touches a call's ranges until the call was seen to be done, and a
 * stream is owed something as long as a call of its is under way.
 */
#ifndef ZCRXD_GIVEBACK_H
#define ZCRXD_GIVEBACK_H

#include <stdbool.h>
#include <stdint.h>

#include "daemon/backend/backend.h"
#include "daemon/backend/tokens.h"
#include "daemon/common/uring.h"

struct ring_daemon;

#define GIVEBACK_CALLS 8u /* under way at a time, or made at once in a turn */

/*
 * Bursts stall a NIC: it refills its queues from the same tokens, under a lock. Single tokens cost
 * a call each. So tokens go back when some are due or nothing else happens, and all of them go back
 * while the NIC is short of buffers.
 */
struct giveback_tuning {
	uint32_t batch;          /* tokens due that are worth a call */
	uint32_t turn_max;       /* tokens given back in a turn, unless the NIC is short */
	uint32_t low_water_part; /* the NIC is short if less than this part of the area is free */
};

/* What zcrxd does. bench/vm --pacing compares it with other numbers. */
extern const struct giveback_tuning giveback_tuning;

/* What the tokens are of, and how they are given back. The pointers are borrowed. */
struct giveback_setup {
	struct uring *ring;
	struct ring_daemon *counts; /* of tokens that went back */
	uint64_t area_bytes;
	uint32_t niov_bytes; /* the area consists of niovs of this size */
	uint32_t tokens_max; /* tokens that can be out at a time */
};

struct giveback_stream {
	struct backend_stream stream; /* its id is not 0 */
	struct tokens_stream tokens;
	uint32_t calls; /* under way */
};

/* One SO_DEVMEM_DONTNEED. */
struct giveback_call {
	struct giveback_stream *stream; /* NULL: the call is free */
	struct tokens_range ranges[TOKENS_RANGES_MAX];
	uint32_t n_ranges;
	uint32_t count;    /* tokens in the ranges */
	uint32_t returned; /* tokens that the kernel took */
	bool again;        /* it was made once and fell short */
};

struct giveback {
	struct uring *ring;
	struct ring_daemon *counts;
	struct giveback_tuning tuning;
	uint32_t low_water; /* free niovs below which the NIC is short */
	struct tokens tokens;
	struct giveback_call calls[GIVEBACK_CALLS];
	uint32_t paid[2 * GIVEBACK_CALLS]; /* ids of streams of which a call was done, */
	uint32_t n_paid;                   /* ... that giveback_next() has not told yet */
	uint32_t looked; /* position in the ring's CQ up to which calls were looked for */
	bool ending;     /* calls are made at once from now on */
	bool received;   /* data came since the last giveback_turn(); the owner sets it */
};

/* Returns 0 or -ENOMEM. */
int giveback_init(struct giveback *g, const struct giveback_setup *setup,
		  const struct giveback_tuning *tuning);
void giveback_done(struct giveback *g);

/* Are all of the stream's tokens back? */
bool giveback_is_settled(const struct giveback_stream *s);

/*
 * The id of a stream of which a call was done, which may have been its last; 0: there is no other.
 * The owner asks until the answer is 0 before each giveback_turn().
 */
uint32_t giveback_next(struct giveback *g);

/* Does the NIC have few buffers left to fill? */
bool giveback_is_short(const struct giveback *g);

/* Queues calls for what is to go back now, or makes them at once if the CQ overflows. */
void giveback_turn(struct giveback *g);

/*
 * The queue ends, and nothing is under way on the ring: gives back all tokens that are out, whether
 * the client has refilled them or not.
 */
void giveback_all(struct giveback *g);

/*
 * Looks for completions of calls up to the tail of the CQ, also behind others that have to wait.
 * The owner consumes the completions; to it those of calls mean nothing. Returns true if a call was
 * done, or giveback_next() has something to tell.
 */
bool giveback_reap(struct giveback *g);
bool giveback_is_ours(const struct io_uring_cqe *cqe);

#endif
