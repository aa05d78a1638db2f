/* SPDX-License-Identifier: MIT */
/*
 * How payload gets into an area. A backend owns the buffers of one queue: it knows which of them
 * the kernel may fill and which the client holds. It knows nothing of sessions, flows' lives or
 * sockets' owners. One thread at a time calls it.
 */
#ifndef ZCRXD_BACKEND_H
#define ZCRXD_BACKEND_H

#include <stdbool.h>
#include <stdint.h>

#include "daemon/common/uring.h"

struct area;
struct backend_ops;
struct rings;
struct side;

/* The largest buffer: a completion counts its bytes in 31 bits. */
#define BACKEND_BUFFER_BYTES_MAX (1u << 30)

/* How long a dense stream may be let gather where receive windows are large: pump/pace.h. */
#define BACKEND_PACE_US_MAX 4000u

struct lease;

/* What a backend is opened with. All of it is borrowed; close() touches none of it. */
struct backend_setup {
	struct uring *ring;        /* the queue's: receives run on it */
	struct rings *rings;       /* the memory that is shared with the client */
	struct side *side;         /* for what cannot be placed in the area, or NULL */
	struct area *area;         /* where payload lands */
	uint32_t buffer_bytes;     /* wished for: one of the sizes that buffer_bytes() returns */
	const struct lease *lease; /* of hardware queues, for backends that take them, or NULL */
	char *why;                 /* room for a sentence of ATTACH_WHY_BYTES, "" before */
};

/* An open backend. Each kind embeds it in a structure of its own, and fills it in open(). */
struct backend {
	const struct backend_ops *ops;
	struct uring *ring;
	uint32_t buffer_bytes; /* the area is divided into buffers of this size */
	uint64_t area_token;   /* the client ors it into the offset of each refill */
	bool copies_untold;    /* the kernel copies some bytes and does not say which */
};

/* What a backend keeps of one stream. A kind that has loans embeds it in a structure of its own. */
struct backend_stream {
	int sock; /* borrowed; it is kept open until leave() */
	uint32_t id;
};

/* What the backend owes to sockets. Whoever joined a stream keeps its socket open until leave(). */
struct backend_loans {
	/* A stream begins: comes before its first receive. Returns 0 or -ENOMEM. */
	int (*join)(struct backend *b, struct backend_stream **ret, int sock, uint32_t id);

	/* Is everything that was borrowed from the stream's socket given back? */
	bool (*is_settled)(struct backend_stream *s);

	/*
	 * The id of a stream to which something was given back that may have been the last, or 0.
	 * The caller asks until the answer is 0.
	 */
	uint32_t (*next_settled)(struct backend *b);

	/* The stream goes. Either it is settled, or end() has run. */
	void (*leave)(struct backend *b, struct backend_stream *s);
};

/* The ring's CQ is private to the pump, and the backend writes the client's completions. */
struct backend_private_ring {
	/*
	 * Turns the completions of the private CQ into completions of the shared one. Returns true
	 * if it took any. *ret_held says whether some are left that wait for room in the shared CQ
	 * or for refills.
	 */
	bool (*reap)(struct backend *b, bool *ret_held);
};

/*
 * A kind of backend: its facts, and its operations. The pointers below "optional" are NULL where
 * the comment says so.
 */
struct backend_ops {
	uint32_t number;    /* enum msg_backend, proto/backend.h */
	uint32_t format;    /* enum msg_format */
	uint32_t cqe_bytes; /* of the client's CQ: 16 or 32 */
	bool copies;        /* the kernel copies every byte */
	bool needs_side;    /* into a dma-buf: not everything can be placed there */
	bool tries_again;   /* replenish() may allow more after a while, without a refill */
	uint32_t pace_us;   /* how long a dense stream may be let gather at most: pump/pace.h */

	/*
	 * The largest area of which the kernel, the completions and the backend's ledger can name
	 * every byte. No larger one is opened.
	 */
	uint64_t area_bytes_max;

	/* The size of the buffers that an area is divided into; wish = 0: the client has none. */
	uint32_t (*buffer_bytes)(uint64_t area_bytes, uint32_t wish);

	/* How many entries the refill ring needs for so many buffers. */
	uint32_t (*refill_entries)(uint32_t buffers);

	/* Registers the buffers with the ring. Returns 0 or a negative errno. */
	int (*open)(struct backend **ret, const struct backend_setup *setup);

	/* Frees the backend, when the ring has no operation left. It may block. */
	void (*close)(struct backend *b);

	/* Queues the operation that receives a stream. Its completions carry user_data. */
	void (*arm)(struct backend *b, int sock, uint64_t user_data);

	/* Gives free buffers to the kernel. Returns how many receives may be armed now. */
	uint32_t (*replenish)(struct backend *b);

	/* Optional. */

	/*
	 * Queues an operation that moves the next bytes of the stream to the side buffer, if the
	 * kernel cannot place them in the area. It ends with -EFAULT or -ENODEV if the kernel can.
	 * NULL: the operation of arm() does so itself, or everything can be placed.
	 */
	void (*drain)(struct backend *b, int sock, uint64_t user_data);

	/*
	 * The pump found the completions `from` to before `to` in the shared CQ: the buffers that
	 * they name are the client's from now on. One call for all of them, since there are many.
	 * NULL: the backend knows, since it wrote the completions itself.
	 */
	void (*received)(struct backend *b, uint32_t from, uint32_t to);

	/*
	 * The client returns the buffer at this offset. Returns false if the client did not have
	 * that buffer. NULL: the kernel reads the refill ring itself.
	 */
	bool (*refill)(struct backend *b, uint64_t off);

	/*
	 * The queue ends: the ring has no operation left, and no rule steers packets to the
	 * hardware queues. Drops what the client has not been told of, and gives everything that
	 * is owed back to the sockets. Returns true if bytes were taken from some socket that no
	 * completion tells of: then that stream has a hole. NULL: this cannot happen.
	 */
	bool (*end)(struct backend *b);

	/*
	 * How many bytes the kernel has copied into the area so far, where no completion tells.
	 * NULL: the kernel does not count them, or there are none.
	 */
	uint64_t (*copied)(struct backend *b);

	const struct backend_loans *loans;               /* NULL: nothing is owed to sockets */
	const struct backend_private_ring *private_ring; /* NULL: the kernel writes the shared CQ */
};

extern const struct backend_ops backend_copy, backend_devmem, backend_zcrx;

#endif
