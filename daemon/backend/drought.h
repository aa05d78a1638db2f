/* SPDX-License-Identifier: MIT */
/*
 * How many receives of a zcrx queue are armed after one ended because the kernel found no free
 * buffer. Such a time is a *drought*.
 *
 * Until the client gives buffers back, one receive is tried now and then, since buffers may come
 * free without the client. Then as many receives are armed as buffers were given back: if more
 * were, they would end at once, and each buffer would cost an attempt of every flow that waits. As
 * long as no receive ends so, each turn may arm twice as many as the turn before.
 *
 * Pure: the caller brings the clock.
 */
#ifndef ZCRXD_DROUGHT_H
#define ZCRXD_DROUGHT_H

#include <stdbool.h>
#include <stdint.h>

/* Zeroed at the beginning. */
struct drought {
	bool on;        /* a receive ended for want of buffers; none was given back since */
	bool armed;     /* a receive was armed since the last drought ended */
	uint64_t at_ns; /* when the drought began, or when a receive was last tried in it */
	uint32_t given; /* buffers that were given back since the last drought ended */
	uint32_t max;   /* receives that the next turn may arm; 0: any number */
};

/* A receive ended for want of buffers. */
void drought_begins(struct drought *d, uint64_t now_ns);

/* Buffers were given back, or are free as far as is known. */
void drought_ends(struct drought *d);

/* How many receives may be armed in this turn. */
uint32_t drought_arms(struct drought *d, uint64_t now_ns);

#endif
