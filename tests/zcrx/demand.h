/* SPDX-License-Identifier: MIT */
/* Clients that mean harm by what they ask zcrxd for: as often as it answers, for ever. */
#ifndef TESTS_ZCRX_DEMAND_H
#define TESTS_ZCRX_DEMAND_H

#include <stdbool.h>
#include <zcrx.h>

/* What there is to do harm with: a queue on an area of a connection. */
struct harmful {
	struct zcrx *z;
	struct zcrx_area *area;
	struct zcrx_queue *q;
	const struct zcrx_queue_options *options; /* of the queue */
	unsigned pause_us;                        /* between what it does */
};

/* Is there a demand of that name? */
bool demand_is(const char *what);

/* Begins when there is something to read from the standard input, or its end. */
_Noreturn void demand(const char *what, const struct harmful *with);

#endif
