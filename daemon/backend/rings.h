/* SPDX-License-Identifier: MIT */
/*
 * The memory of a queue that is shared with its client (proto/ring.h).
 *
 *   cq memfd   the kernel's CQ, then the daemon page. The client gets a read-only descriptor;
 *              F_SEAL_FUTURE_WRITE keeps it so for whoever reopens the file.
 *   rq memfd   the client page, then the refill ring. The client may write all of it: each word is
 *              read once and checked on the copy; sizes and our own index live here, not there.
 */
#ifndef ZCRXD_RINGS_H
#define ZCRXD_RINGS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "daemon/common/uring.h"
#include "proto/msg.h"
#include "proto/ring.h"

struct user;

struct rings {
	int cq_fd, rq_fd;
	char *cq, *rq;
	size_t cq_bytes, rq_bytes;
	struct ring_daemon *daemon;
	struct ring_client *client;
	uint32_t *cq_head; /* how far the client has read, as granted by us */
	const uint32_t *cq_tail;
	uint32_t cq_next;   /* ours, where we write the completions */
	uint32_t *rq_shown; /* the head as the client sees it; never read back */
	const uint32_t *rq_tail;
	const struct ring_rqe *rqes;
	uint32_t rq_head, rq_mask;
	struct msg_rings layout;
};

#define RINGS_NULL ((struct rings){.cq_fd = -1, .rq_fd = -1})

#define RINGS_REFILL_EXTRA_BYTES 64u /* at the end of the refill ring's memory, for the backend */

struct rings_wish {
	uint32_t cq_entries, rq_entries; /* powers of two */
	uint32_t cqe_bytes;
	bool kernel_writes; /* the completions: its CQ lies in the first file, else it is private */
	bool patient;       /* uring.h */
};

/*
 * Makes both files, charged to the user, and a ring. Returns 0 or a negative errno; on failure
 * nothing is left.
 */
int rings_init(struct rings *r, struct uring *ring, struct user *user,
	       const struct rings_wish *wish);

/*
 * Where we write the completions (32 bytes each): one more, for which there has to be room, and
 * then all of them at once for the client.
 */
uint32_t rings_complete_room(const struct rings *r);
void rings_complete(struct rings *r, const struct ring_cqe *cqe);
void rings_complete_show(struct rings *r);

/* The completion at this position of the CQ. */
static inline const struct io_uring_cqe *rings_cqe(const struct rings *r, uint32_t position)
{
	uint32_t index = position & (r->layout.cq_entries - 1);
	return (const void *)(r->cq + r->layout.cq_cqes + (size_t)index * r->layout.cqe_bytes);
}

/* A read-only descriptor of the cq file for the client, the caller's. */
int rings_cq_readonly(const struct rings *r);

/* A duplicate of the rq file's descriptor for the client, the caller's. Or a negative errno. */
int rings_rq_duplicate(const struct rings *r);

void rings_done(struct rings *r);

/*
 * Takes the next refill entry; false if there is none. A tail that claims more than the ring holds
 * is a lie: everything up to it is skipped, *ret_skipped counts it.
 */
bool rings_refill_next(struct rings *r, struct ring_rqe *ret, uint32_t *ret_skipped);

/* Shows the client how far refills were taken. */
void rings_refill_show(struct rings *r);

/* Entries came since they were last taken, or noted. */
bool rings_refill_pending(const struct rings *r);

/*
 * Where the kernel takes the refills itself (zcrx): the memory it is to lay the ring out in, and
 * where it did, from its beginning. Then nothing is taken here, only noted; how many the kernel has
 * not taken, the client can make us believe.
 */
void *rings_refill_region(const struct rings *r, uint64_t *ret_bytes);
void rings_place_refills(struct rings *r, uint32_t head, uint32_t tail, uint32_t rqes);
/* How many are there more than when it was noted last; what comes later is not noted yet. */
uint32_t rings_refill_note(struct rings *r);
uint32_t rings_refill_untaken(const struct rings *r);

#endif
