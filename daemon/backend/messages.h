/* SPDX-License-Identifier: MIT */
/*
 * The messages that recvmsg brings on a devmem queue's private ring, and the completions that they
 * become in the shared CQ.
 *
 * A message lies in a slot of the side buffer. recvmsg puts the bytes that are not in the dma-buf
 * there; the slot goes back to the kernel when the client has returned the completions that name
 * it, or at once if there are none. The fragments that are in the dma-buf are tokens (tokens.h).
 *
 * A message that finds no room, in the shared CQ, in the side buffer or in the ledger of tokens,
 * waits where it is, and those behind it wait, too.
 */
#ifndef ZCRXD_MESSAGES_H
#define ZCRXD_MESSAGES_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>

#include "daemon/backend/streams.h"
#include "daemon/common/uring.h"

struct cmsghdr;
struct rings;
struct side;

/* The message at the head of the private ring, while completions are made of it. */
struct message {
	bool active;
	uint32_t slot;         /* of the side buffer */
	struct stream *stream; /* NULL: nobody has it any more */
	struct io_uring_recvmsg_out *out;
	struct cmsghdr *next; /* the first control message that is yet to be taken */
	uint32_t at;          /* offset in the slot of the next bytes that are not in the dma-buf */
	uint32_t plain;       /* its bytes, until a control message says where they lie */
};

struct messages {
	/* Set by the owner at the beginning, when the rest is zeroed. All pointers are borrowed. */
	struct uring *ring; /* the private one */
	struct rings *rings;
	struct side *side;
	uint64_t area_bytes;
	uint32_t dmabuf_id; /* the kernel's number of the binding */

	struct streams streams;
	struct msghdr header; /* of every receive */
	struct message message;
	uint64_t lent; /* fragments that came, in all */
	bool ending;   /* set by the owner: nothing goes to the client any more */
	bool dropped;  /* something would have gone to the client after that */
};

/* Queues the receive of a stream. Its completions on the private ring carry user_data. */
void messages_arm(struct messages *all, int sock, uint64_t user_data);

/*
 * Takes a completion of the private ring; what it lends is entered in the ledger of `back`. Returns
 * false if there is no room: the same completion is to be brought again later.
 */
bool messages_take(struct messages *all, struct giveback *back, const struct io_uring_cqe *cqe);

#endif
