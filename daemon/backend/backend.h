/* SPDX-License-Identifier: MIT */
/*
 * How payload gets into an area. A backend owns the buffers of one queue: which of them the kernel
 * may fill and which the client holds. It knows nothing of sessions, flows' lives or sockets'
 * owners.
 */
#ifndef ZCRXD_BACKEND_H
#define ZCRXD_BACKEND_H

#include <stdbool.h>
#include <stdint.h>

#include "daemon/common/uring.h"

struct area;
struct rings;
struct side;

/* The largest buffer: a completion counts its bytes in 31 bits. */
#define BACKEND_BUFFER_BYTES_MOST (1u << 30)

/* How long a dense stream may be let gather where receive windows are large: pump/pace.h. */
#define BACKEND_PACE_US_MOST 1000u

/* Between where and where. */
struct lease;

struct backend_place {
	const struct area *area;
	struct side *side;         /* for what cannot be placed in the area, or NULL */
	uint32_t buffer_bytes;     /* wished for; open() may lower it */
	const struct lease *lease; /* of hardware queues, for backends that take them, or NULL */
	uint64_t token;            /* open() says: to be or-ed into refills */
	bool copies_untold;        /* likewise: the kernel copies and does not say so */
};

struct backend {
	const char *name;
	uint32_t number;    /* enum msg_backend */
	uint32_t format;    /* enum msg_format */
	uint32_t cqe_bytes; /* 16 or 32 */
	bool copies;        /* everything */
	bool has_side;      /* in a dma-buf not everything can be placed */
	bool tries_again;   /* post() may allow more after a while, without a refill */
	uint32_t pace_us;   /* what a dense stream may be let gather, at most: pace.h */

	/*
	 * The largest area whose every byte the kernel, the completions and our ledger can name. No
	 * larger one is opened (open.c).
	 */
	uint64_t area_bytes_most;

	/* The unit the area is divided into for a wish (0 = none), and how many there are. */
	uint32_t (*buffer_bytes)(uint64_t area_bytes, uint32_t wish);

	/* How many refills there must be room for, given so many buffers. */
	uint32_t (*refills)(uint32_t buffers);

	/* Makes the buffers known to the ring. Returns 0 or a negative errno. */
	int (*open)(void **ret, struct uring *ring, struct rings *rings,
		    struct backend_place *place);
	void (*close)(void *b, struct uring *ring);

	/* Queues the operation that receives a stream; its completions carry user_data. */
	void (*arm)(void *b, struct uring *ring, int sock, uint64_t user_data);

	/*
	 * Queues one that moves what comes next in the stream to the side buffer, if it cannot be
	 * placed in the area; it ends with -EFAULT or -ENODEV if it can. NULL: everything can be
	 * placed.
	 */
	void (*drain)(void *b, struct uring *ring, int sock, uint64_t user_data);

	/*
	 * The queue ends: the ring has no operation left, and no rule leads to the hardware. What
	 * the ring still holds the client does not get any more, and everything that is owed to
	 * sockets is given back. True if bytes were taken from a socket of which no completion
	 * tells: its stream cannot be gone on with. NULL: there are none, and nothing is owed.
	 */
	bool (*end)(void *b, struct uring *ring);

	/*
	 * For a backend that owes something to each socket, which is kept open as long. join()
	 * comes before the first receive, leave() when settled() has said that everything is given
	 * back. settled_next() says one after the other, by their ids, of which streams something
	 * came back that may have been the last, then 0. NULL: nothing is owed.
	 */
	int (*join)(void *b, void **ret_stream, int sock, uint32_t id);
	bool (*settled)(void *b, const void *stream);
	uint32_t (*settled_next)(void *b);
	void (*leave)(void *b, void *stream);

	/*
	 * NULL: the kernel writes into the shared CQ. Otherwise the ring is private, and this makes
	 * what it holds completions of the shared one. True if something was taken, *ret_held if
	 * room there or refills would help.
	 */
	bool (*reap)(void *b, bool *ret_held);

	/*
	 * A completion of such an operation: moves what it names into the client's hands. NULL: all
	 * was done when it was made.
	 */
	void (*received)(void *b, const struct io_uring_cqe *cqe);

	/*
	 * The client returns the buffer at this offset. False if it was not the client's. NULL: the
	 * kernel takes refills itself.
	 */
	bool (*refill)(void *b, uint64_t off);

	/* Gives the kernel free buffers; returns how many it may fill now. */
	uint32_t (*post)(void *b);

	/*
	 * Bytes that the kernel copied into the area so far, as far as it tells; no completion
	 * does. NULL: there are none.
	 */
	uint64_t (*copied)(const void *b);
};

extern const struct backend backend_copy, backend_devmem, backend_zcrx;

#endif
