/* SPDX-License-Identifier: MIT */
/*
 * When and how the tokens of a devmem queue go back to the kernel: by SO_DEVMEM_DONTNEED on the
 * socket they came by, in few calls of many, which io_uring makes along with all others.
 *
 * The invariant: a call has its ranges to itself until it was seen to be done, and a stream is owed
 * something as long as it has calls under way.
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

struct giveback_stream {
	struct backend_stream stream; /* its id is not 0 */
	struct tokens_stream tokens;
	uint32_t calls; /* under way */
};

struct giveback_call {
	struct giveback_stream *stream; /* NULL: free */
	struct tokens_range ranges[TOKENS_RANGES_MOST];
	uint32_t n, count;
	uint32_t returned;
	bool again;
};

struct giveback {
	struct uring *ring;
	struct ring_daemon *counts;
	struct tokens tokens;
	struct giveback_call calls[GIVEBACK_CALLS];
	uint32_t paid[2 * GIVEBACK_CALLS]; /* ids of streams whose calls were done, */
	uint32_t n_paid;                   /* since giveback_next() took them */
	uint32_t looked; /* position in the ring's CQ up to which calls were looked for */
	bool ending;     /* no call is queued any more */
	bool received;   /* something, since tokens were given back last: set by the owner */
};

/* For an area of so many bytes, and at most so many tokens. Returns 0 or -ENOMEM. */
int giveback_init(struct giveback *g, struct uring *ring, struct ring_daemon *counts,
		  uint64_t area_bytes, uint32_t niov_bytes, uint32_t tokens);
void giveback_done(struct giveback *g);

/* Is everything of the stream's back? */
bool giveback_is_settled(const struct giveback_stream *s);

/*
 * The id of a stream that a call was done of, which may have been its last; 0: there is none. To be
 * asked until then before each giveback_turn().
 */
uint32_t giveback_next(struct giveback *g);

/* The NIC has few buffers left to fill. */
bool giveback_is_short(const struct giveback *g);

/* Queues calls for what should go back now, or makes them if the CQ overflows. */
void giveback_turn(struct giveback *g);

/*
 * The queue ends, and nothing is under way on the ring: all that is out goes back now, whether the
 * client has refilled it or not.
 */
void giveback_all(struct giveback *g);

/*
 * Looks for calls that are done up to the tail of the CQ, whatever has to wait before them. The
 * owner takes the completions away, and those that are a call's mean nothing to it. True if
 * something happened, or giveback_next() has something to tell.
 */
bool giveback_reap(struct giveback *g);
bool giveback_is_ours(const struct io_uring_cqe *cqe);

#endif
