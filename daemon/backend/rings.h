/* SPDX-License-Identifier: MIT */
/*
 * The memory of a queue that is shared with its client (proto/ring.h).
 *
 *   cq memfd   the kernel's CQ, then the daemon page. The client gets a read-only descriptor;
 *              F_SEAL_FUTURE_WRITE keeps it so for whoever reopens the file.
 *   rq memfd   the client page, then the refill ring. The client may write all of it: each word is
 *              read once and checked on the copy. Sizes and the pump's own index are in struct
 *              rings, where the client cannot write.
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
	int cq_readonly; /* -1: it was handed over */
	char *cq, *rq;
	size_t cq_bytes, rq_bytes;
	struct ring_daemon *daemon;
	struct ring_client *client;
	uint32_t *cq_head; /* how far the client has read, as far as the pump believes it */
	const uint32_t *cq_tail;
	uint32_t cq_next;   /* where the pump writes the completions: position of the next one */
	uint32_t *rq_shown; /* the refill ring's head in shared memory; never read back */
	const uint32_t *rq_tail;
	const struct ring_rqe *rqes;
	uint32_t rq_head, rq_mask; /* the head that counts, and the ring's size less one */
	struct msg_rings layout;
};

#define RINGS_NULL ((struct rings){.cq_fd = -1, .rq_fd = -1, .cq_readonly = -1})

/* Room at the end of the refill ring's memory, for the backend. */
#define RINGS_REFILL_EXTRA_BYTES 64u

struct rings_wish {
	uint32_t cq_entries, rq_entries; /* powers of two */
	uint32_t cqe_bytes;
	bool kernel_writes; /* the kernel's CQ lies in the cq memfd; else that CQ is private */
	bool patient;       /* may wait for locked memory: uring.h */
	char *why;          /* as with account_charge() */
};

/*
 * Makes both memfds, charged to the user, and a ring. Returns 0 or a negative errno; on failure
 * nothing is left.
 */
int rings_init(struct rings *r, struct uring *ring, struct user *user,
	       const struct rings_wish *wish);

/*
 * For a backend that writes the completions itself, of 32 bytes each: how many more there is room
 * for, one more, and the tail moves so that the client sees all that were written.
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

/* Returns the read-only descriptor of the cq memfd, which the caller owns from now on; once. */
int rings_cq_readonly(struct rings *r);

/* Returns a duplicate of the rq memfd's descriptor, which the caller owns, or a negative errno. */
int rings_rq_duplicate(const struct rings *r);

void rings_done(struct rings *r);

/*
 * Takes the next refill entry. Returns false if there is none. If the tail claims more entries than
 * the ring holds, all of them are skipped, and *ret_skipped is counted up by one.
 */
bool rings_refill_next(struct rings *r, struct ring_rqe *ret, uint32_t *ret_skipped);

/* Shows the client how far refills were taken. */
void rings_refill_show(struct rings *r);

/* Did entries come since they were last taken, or noted? */
bool rings_refill_pending(const struct rings *r);

/*
 * For zcrx, where the kernel takes the refills itself. rings_refill_region() says which part of the
 * rq memfd the kernel lays the refill ring out in; rings_place_refills() is told where in it head,
 * tail and entries are.
 */
void rings_refill_region(const struct rings *r, uint64_t *ret_offset, uint64_t *ret_bytes);
void rings_place_refills(struct rings *r, uint32_t head, uint32_t tail, uint32_t rqes);

/* Returns how many entries came since the last call. */
uint32_t rings_refill_note(struct rings *r);

/*
 * Position up to which refills were taken, by the kernel or the pump, and how many there are beyond
 * it. The client can write what both are read from.
 */
uint32_t rings_refill_head(const struct rings *r);
uint32_t rings_refill_untaken(const struct rings *r);

#endif
