/* SPDX-License-Identifier: MIT */
/*
 * The side buffer of a queue whose area is a dma-buf. What the NIC did not place in the dma-buf the
 * kernel copies here; the client may read it. The side buffer consists of slots, which are provided
 * buffers of the queue's ring. A slot is lent to the kernel until the kernel fills it; then it is
 * the pump's until nothing refers to it any more. The client returns the completions that it got
 * in their order, by moving its head.
 */
#ifndef ZCRXD_SIDE_H
#define ZCRXD_SIDE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "daemon/common/uring.h"
#include "proto/ring.h"

#define SIDE_SLOTS      32u
#define SIDE_SLOT_BYTES 131072u
#define SIDE_GROUP      1

struct user;

struct side {
	int fd, readonly; /* readonly -1: it was handed over */
	char *map;
	struct io_uring_buf_ring *slots; /* the ring of provided buffers */
	uint32_t lent;                   /* slots that the kernel has */
	uint16_t refs[SIDE_SLOTS];       /* what refers to each slot that the kernel has filled */
	uint8_t given[RING_SIDE_MAX];    /* the slot of each completion the client has */
	uint32_t head, tail;             /* of given: what came back, what went out */
};

/*
 * Makes a side buffer, charged to the user, and lends all slots to the kernel for this ring.
 * Returns 0 or a negative errno; `why` as with account_charge().
 */
int side_new(struct side **ret, struct uring *ring, struct user *user, char *why);
struct side *side_free(struct side *s);

/* How many bytes of memory a side buffer can come to use. */
size_t side_bytes(void);

/* Returns the read-only descriptor for the client, which the caller owns from now on; once. */
int side_readonly(struct side *s);

/* The kernel filled the slot. side_drop() gives up the reference that this makes. */
void side_take(struct side *s, uint32_t slot);
void side_drop(struct side *s, uint32_t slot);

/* A completion that names the slot goes to the client. False: the client has too many already. */
bool side_give(struct side *s, uint32_t slot);

/* Does the client's head return more completions? A head that was never given out does not. */
bool side_is_back(const struct side *s, uint32_t head);

/* Takes what the client's head returns. False: the client was never given so much. */
bool side_back(struct side *s, uint32_t head);

#endif
