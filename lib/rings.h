/* SPDX-License-Identifier: MIT */
/*
 * The shared rings of one queue: their mappings and the library's own indices. The daemon is not
 * trusted: the layout is checked once, when the rings are mapped, and kept here. No index or size
 * of ours is read back from shared memory. The tail and the completions are copied once, and the
 * copy is checked.
 */
#ifndef ZCRX_LIB_RINGS_H
#define ZCRX_LIB_RINGS_H

#include <stdbool.h>
#include <stddef.h>

#include "lib/side.h"
#include "proto/msg.h"
#include "proto/ring.h"

struct rings {
	const struct ring_daemon *daemon;
	struct ring_client *client;

	const uint32_t *cq_tail;
	const char *cqes;
	uint32_t cq_mask, cqe_bytes;
	uint32_t head;      /* the next completion to take */
	uint32_t head_told; /* as published */

	const uint32_t *rq_head;
	uint32_t *rq_tail;
	char *rqes;
	uint32_t rq_mask, rqe_bytes;
	uint32_t refill;      /* the next entry to write */
	uint32_t refill_told; /* as published */

	struct side side;
	uint32_t side_told; /* the side buffer's head, as published */

	uint64_t area_token;
	uint32_t kicked; /* the last kick word that was answered */

	void *cq_map, *rq_map;
	size_t cq_map_bytes, rq_map_bytes;
};

/*
 * Maps the rings of a reply to QUEUE_OPEN; the descriptors stay the caller's. Returns 0, -EPROTO if
 * the layout does not fit the files or these can shrink, or the errno of mmap(2). side is not
 * looked at if there is no side buffer.
 */
int rings_map(struct rings *ret, const struct msg_queue_open_reply *reply, int cq, int rq,
	      int side);

/* Unmaps the rings. A zeroed struct is fine. */
void rings_unmap(struct rings *r);

/* How many completions there are to take; more than the ring has entries if the daemon lies. */
static inline uint32_t rings_ready(const struct rings *r)
{
	return ring_load(r->cq_tail) - r->head;
}

/* Copies the completion, each word once. An entry without `off` ends before it. */
static inline struct ring_cqe rings_copy(const void *entry, bool has_off)
{
	const uint64_t *words = entry;
	union {
		uint64_t words[4];
		struct ring_cqe cqe;
	} copy;
	copy.words[0] = __atomic_load_n(&words[0], __ATOMIC_RELAXED);
	copy.words[1] = __atomic_load_n(&words[1], __ATOMIC_RELAXED);
	copy.words[2] = has_off ? __atomic_load_n(&words[2], __ATOMIC_RELAXED) : 0;
	copy.words[3] = 0;
	return copy.cqe;
}

/*
 * How many refills still fit: never more than the ring has entries, even if the daemon's head lies.
 */
static inline uint32_t rings_room(const struct rings *r)
{
	uint32_t untaken = r->refill - ring_load(r->rq_head);
	return untaken > r->rq_mask + 1 ? 0 : r->rq_mask + 1 - untaken;
}

/* Writes the refill at this position; the caller moves r->refill on. */
static inline void rings_refill(const struct rings *r, uint32_t at, uint64_t off, uint32_t len)
{
	void *entry = r->rqes + (size_t)(at & r->rq_mask) * r->rqe_bytes;
	*(struct ring_rqe *)entry = (struct ring_rqe){.off = off | r->area_token, .len = len};
}

/*
 * Publishes which completions were taken and which buffers were given back. Returns true if the
 * daemon waits for that and has to be sent a byte.
 */
static inline bool rings_publish(struct rings *r)
{
	bool head = r->head != r->head_told, refill = r->refill != r->refill_told;
	bool side = r->side.head != r->side_told;
	if (!head && !refill && !side)
		return false;
	if (head)
		ring_store(&r->client->cq_head, r->head_told = r->head);
	if (refill)
		ring_store(r->rq_tail, r->refill_told = r->refill);
	if (side)
		ring_store(&r->client->side_head, r->side_told = r->side.head);
	ring_barrier();
	uint32_t kick = ring_load(&r->daemon->kick);
	if (!kick || kick == r->kicked)
		return false;
	r->kicked = kick;
	return true;
}

#endif
