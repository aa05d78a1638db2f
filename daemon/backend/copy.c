/* SPDX-License-Identifier: MIT */
/*
 * The copy backend: multishot recv into the area through a provided-buffer ring. That ring is
 * private: its entries are raw addresses of this process. The kernel names a filled buffer by its
 * 16-bit id in the completion, which the client turns into an offset.
 *
 * A ledger of one byte a buffer says who has it, so that a refill out of range or repeated is
 * refused. Only POSTED buffers are with the kernel at a time, and free ones wait on a stack: what
 * the client gave back last is filled next, while it is still in the cache. Going round the whole
 * area instead costs up to half of the throughput.
 */
#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/size.h"
#include "daemon/backend/area.h"
#include "daemon/backend/backend.h"
#include "proto/msg.h"

#define BUFFERS_MAX          32768u /* a refill ring has no more entries */
#define BUFFERS_WANTED       8u
#define POSTED               128u
#define BUFFER_BYTES_DEFAULT 65536u
#define GROUP                0

struct copy {
	struct io_uring_buf_ring *ring;
	uint32_t ring_entries;
	char *base;
	uint32_t buffers, buffer_bytes, buffer_shift;
	uint32_t posted; /* buffers in the ring */
	uint32_t free;   /* buffers on the stack */
	uint16_t *stack;
	bool client_has[];
};

static uint32_t copy_buffer_bytes(uint64_t area_bytes, uint32_t wish)
{
	uint32_t page = (uint32_t)sysconf(_SC_PAGESIZE);
	uint64_t bytes = wish ? round_up_pow2(wish) : BUFFER_BYTES_DEFAULT;
	while (!wish && bytes > page && area_bytes / bytes < BUFFERS_WANTED)
		bytes /= 2;
	if (bytes < page)
		bytes = page;
	while (area_bytes / bytes > BUFFERS_MAX)
		bytes *= 2;
	return (uint32_t)bytes;
}

static void stack_push(struct copy *b, uint32_t id)
{
	b->client_has[id] = false;
	b->stack[b->free++] = (uint16_t)id;
}

static uint32_t copy_post(void *data)
{
	struct copy *b = data;
	int n = 0, mask = (int)b->ring_entries - 1;
	for (; b->posted < POSTED && b->free > 0; b->posted++) {
		uint16_t id = b->stack[--b->free];
		io_uring_buf_ring_add(b->ring, b->base + (size_t)id * b->buffer_bytes,
				      b->buffer_bytes, id, mask, n++);
	}
	io_uring_buf_ring_advance(b->ring, n);
	return b->posted;
}

static uint32_t copy_refills(uint32_t buffers)
{
	return buffers;
}

static int copy_open(void **ret, struct uring *ring, struct rings *rings,
		     struct backend_place *place)
{
	const struct area *area = place->area;
	uint32_t buffer_bytes = place->buffer_bytes;
	uint32_t buffers = (uint32_t)(area->bytes / buffer_bytes);
	(void)rings;
	struct copy *b = calloc(1, sizeof(*b) + buffers * sizeof(b->client_has[0]));
	uint16_t *stack = calloc(buffers, sizeof(*stack));
	int r = -ENOMEM;
	if (b && stack) {
		b->base = area->base;
		b->buffers = buffers;
		b->buffer_bytes = buffer_bytes;
		b->buffer_shift = (uint32_t)__builtin_ctz(buffer_bytes);
		b->ring_entries = round_up_pow2(buffers < POSTED ? buffers : POSTED);
		b->stack = stack;
		b->ring = uring_buffers_new(ring, b->ring_entries, GROUP, &r);
	}
	if (!b || !b->ring) {
		free(stack);
		free(b);
		return r;
	}
	for (uint32_t id = buffers; id-- > 0;)
		stack_push(b, id);
	*ret = b;
	return 0;
}

static void copy_close(void *data, struct uring *ring)
{
	struct copy *b = data;
	(void)ring;
	uring_buffers_free(b->ring, b->ring_entries);
	free(b->stack);
	free(b);
}

static void copy_arm(void *data, struct uring *ring, int sock, uint64_t user_data)
{
	(void)data;
	struct io_uring_sqe *sqe = uring_sqe(ring);
	io_uring_prep_recv_multishot(sqe, sock, NULL, 0, 0);
	sqe->flags |= IOSQE_BUFFER_SELECT;
	sqe->buf_group = GROUP;
	sqe->user_data = user_data;
}

static void copy_received(void *data, const struct io_uring_cqe *cqe)
{
	struct copy *b = data;
	if (!(cqe->flags & IORING_CQE_F_BUFFER))
		return;
	uint32_t id = cqe->flags >> IORING_CQE_BUFFER_SHIFT;
	b->posted--;
	if (cqe->res > 0)
		b->client_has[id] = true;
	else
		stack_push(b, id); /* the client skips this completion */
}

static bool copy_refill(void *data, uint64_t off)
{
	struct copy *b = data;
	uint64_t id = off >> b->buffer_shift;
	if (id >= b->buffers || !b->client_has[id])
		return false;
	stack_push(b, (uint32_t)id);
	return true;
}

/* Those that the kernel filled while the CQ was full, or without memory to say so. */
static bool copy_end(void *data, struct uring *ring)
{
	const struct copy *b = data;
	uint16_t head = 0;
	if (io_uring_buf_ring_head(&ring->io, GROUP, &head) < 0)
		return true;
	return (uint16_t)(b->ring->tail - head) != b->posted;
}

const struct backend backend_copy = {
	.name = "copy",
	.number = MSG_BACKEND_COPY,
	.format = MSG_FORMAT_BUFFER_ID,
	.cqe_bytes = sizeof(struct io_uring_cqe),
	.buffer_bytes = copy_buffer_bytes,
	.refills = copy_refills,
	.open = copy_open,
	.close = copy_close,
	.arm = copy_arm,
	.end = copy_end,
	.copies = true,
	.area_bytes_most = (uint64_t)BUFFERS_MAX * BACKEND_BUFFER_BYTES_MOST,
	.pace_us = 50, /* longer, and the receive window fills: measured */
	.received = copy_received,
	.refill = copy_refill,
	.post = copy_post,
};
