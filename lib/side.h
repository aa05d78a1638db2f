/* SPDX-License-Identifier: MIT */
/*
 * The side buffer of a queue whose area is a dma-buf: it takes the payload that cannot be placed in
 * the area. Its completions go back to the daemon in the order in which they came, in whatever
 * order the user gives them back: `out` remembers which are out.
 */
#ifndef ZCRX_LIB_SIDE_H
#define ZCRX_LIB_SIDE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "proto/ring.h"

struct side {
	void *map; /* NULL: there is no side buffer */
	size_t bytes;
	uint32_t slot_bytes;
	uint32_t head, tail;         /* indices of `out` */
	uint64_t out[RING_SIDE_MAX]; /* the completions' offsets; SIDE_BACK: given back */
};

#define SIDE_BACK UINT64_MAX

/*
 * Finds where these bytes of a slot lie, from the start of the side buffer. Returns false if they
 * are not within the slot.
 */
static inline bool side_place(const struct side *s, uint32_t slot, uint64_t in_slot, uint32_t bytes,
			      uint64_t *ret_off)
{
	if (!s->map || in_slot > s->slot_bytes || bytes > s->slot_bytes - in_slot ||
	    slot >= s->bytes / s->slot_bytes)
		return false;
	*ret_off = (uint64_t)slot * s->slot_bytes + in_slot;
	return true;
}

static inline bool side_has_room(const struct side *s)
{
	return s->tail - s->head < RING_SIDE_MAX;
}

static inline void side_out(struct side *s, uint64_t off)
{
	s->out[s->tail++ % RING_SIDE_MAX] = off;
}

/* Takes back the completion at this offset, and moves the head past all that are back. */
static inline void side_back(struct side *s, uint64_t off)
{
	for (uint32_t i = s->head; i != s->tail; i++)
		if (s->out[i % RING_SIDE_MAX] == off) {
			s->out[i % RING_SIDE_MAX] = SIDE_BACK;
			break;
		}
	while (s->head != s->tail && s->out[s->head % RING_SIDE_MAX] == SIDE_BACK)
		s->head++;
}

#endif
