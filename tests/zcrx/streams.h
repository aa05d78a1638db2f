/* SPDX-License-Identifier: MIT */
/* The streams that a receiver gets in one round. */
#ifndef TESTS_ZCRX_STREAMS_H
#define TESTS_ZCRX_STREAMS_H

#include <stdbool.h>
#include <stdint.h>
#include <zcrx.h>

#include "tests/zcrx/many.h"

struct streams {
	unsigned flows; /* how many there are to be */
	uint64_t bytes; /* of each */
	uint64_t seed;

	unsigned opened, ended;
	bool open_ended;   /* `bytes` is the most, and each has a seed of its own (many.h) */
	uint64_t first_ns; /* when the first bytes came */
	uint64_t last_ns;  /* ... and the last */
	uint64_t stall_ns; /* the longest time between two completions with data */
	uint64_t off_most; /* of a completion */
	struct stream {
		struct zcrx_flow *flow; /* whose user pointer is this */
		uint64_t seed, pos;
	} streams[FLOWS_MAX];
};

/* One more; f may be filled in later. */
struct stream *streams_add(struct streams *x, struct zcrx_flow *f);

/* Its sender is known: its seed is. */
void streams_seed(const struct streams *x, struct stream *s);

/* Takes everything, and gives it back at once, until all streams have ended. */
void streams_receive(struct streams *x, struct zcrx_queue *q, struct zcrx_area *a);

/* Takes what it can hold, and gives one completion back whenever no more comes. */
void streams_stint(struct streams *x, struct zcrx_queue *q, struct zcrx_area *a);

/* Takes what comes and gives nothing back, until nothing comes any more. Returns how many. */
unsigned streams_hold(struct streams *x, struct zcrx_queue *q, struct zcrx_area *a);

/* Closes its streams while it holds data of them, which stays as it is until it is given back. */
void streams_drop(struct streams *x, struct zcrx_queue *q, struct zcrx_area *a);

#endif
