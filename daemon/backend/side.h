/* SPDX-License-Identifier: MIT */
/*
 * The side buffer of a queue whose area is a dma-buf: what the NIC did not place there, the kernel
 * copies here, where the client may read. Slots are provided buffers of the queue's ring. A slot
 * belongs to the kernel, or to us while something refers to it; the client gives back completions,
 * in the order it got them, by moving its head.
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
	int fd;
	char *map;
	struct io_uring_buf_ring *slots;
	uint32_t posted; /* slots the kernel has */
	uint16_t refs[SIDE_SLOTS];
	uint8_t given[RING_SIDE_MAX]; /* the slot of each completion the client has */
	uint32_t head, tail;          /* of given: what came back, what went out */
};

/* Makes one, charged to the user, whose slots the ring may fill. Returns 0 or a negative errno. */
int side_new(struct side **ret, struct uring *ring, struct user *user);
struct side *side_free(struct side *s);

/* Bytes of memory it can come to use. */
size_t side_bytes(void);

/* A read-only descriptor of it for the client, the caller's. Or a negative errno. */
int side_readonly(const struct side *s);

/* The kernel filled the slot; it is ours until side_drop(). */
void side_take(struct side *s, uint32_t slot);
void side_drop(struct side *s, uint32_t slot);

/* A completion that names the slot goes to the client. False: it has too many; try later. */
bool side_give(struct side *s, uint32_t slot);

/* Does the client's head say that more completions came back? Not if it lies. */
bool side_is_back(const struct side *s, uint32_t head);

/* Takes the head; false if it lies. */
bool side_back(struct side *s, uint32_t head);

#endif
