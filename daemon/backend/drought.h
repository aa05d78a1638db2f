/* SPDX-License-Identifier: MIT */
/*
 * How many receives of a queue of zero copy are armed after one ended because the kernel found no
 * free buffer.
 *
 * Until the client gives some back: one now and then, for buffers may come free without it. Then as
 * many as it gave back, for more would end at once, and one buffer would cost an attempt of each
 * flow that waits; and as long as none ends, twice as many each turn.
 *
 * Pure: the caller brings the clock.
 */
#ifndef ZCRXD_DROUGHT_H
#define ZCRXD_DROUGHT_H

#include <stdbool.h>
#include <stdint.h>

/* Zeroed at the beginning. */
struct drought {
	bool on;        /* a receive ended for want of buffers, and none were given back since */
	bool armed;     /* a receive was, since the last drought ended */
	uint64_t at_ns; /* when it began, or when a receive was last tried */
	uint32_t given; /* buffers given back since the last one ended */
	uint32_t most;  /* receives of the next turn; 0: any number */
};

/* A receive ended for want of buffers. */
void drought_begins(struct drought *d, uint64_t now_ns);

/* There are buffers, as far as we know. */
void drought_ends(struct drought *d);

/* How many receives may be armed in this turn. */
uint32_t drought_arms(struct drought *d, uint64_t now_ns);

#endif
