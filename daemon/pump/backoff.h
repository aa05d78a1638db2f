/* SPDX-License-Identifier: MIT */
/*
 * How soon a queue takes a turn because its client asks for one: by a kick, or by a word of the
 * shared memory that says there is something to take.
 *
 * A turn that a client asked for and that found nothing costs zcrxd more than it costs the client.
 * So the next one that it asks for comes later, and after each further one in vain twice as late. A
 * turn that found anything ends that. A turn for what the kernel brings comes at once, whatever the
 * client asks for, so a client that receives does not feel this.
 *
 * Pure: the caller brings the clock.
 */
#ifndef ZCRXD_BACKOFF_H
#define ZCRXD_BACKOFF_H

#include <stdbool.h>
#include <stdint.h>

#define BACKOFF_FIRST_NS 100000ull
#define BACKOFF_MAX_NS   409600000ull

/* Zeroed at the beginning. */
struct backoff {
	uint64_t step_ns; /* the last delay; 0: none */
	uint64_t until_ns;
};

/* A turn has ended. asked: the client had asked for it; found: completions, or what it gave. */
void backoff_turn(struct backoff *b, uint64_t now_ns, bool asked, bool found);

/* When a client that asks gets its turn; 0: at once. */
uint64_t backoff_until(const struct backoff *b, uint64_t now_ns);

#endif
