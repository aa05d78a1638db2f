/* SPDX-License-Identifier: MIT */
/*
 * The copy backend: multishot recv into the area through a provided-buffer ring. That ring is
 * private: its entries are raw addresses of this process. The kernel names a filled buffer by its
 * 16-bit id in the completion, which the client turns into an offset.
 *
 * A ledger of one byte a buffer says who has it, so that a refill out of range or repeated is
 * refused. Only KERNEL_BUFFERS_MAX buffers are with the kernel at a time, and free ones wait on a
 * stack: what the client gave back last is filled next, while it is still in the cache. Going round
 * the whole area instead costs up to half of the throughput.
 */
#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/container.h"
#include "base/size.h"
#include "daemon/backend/area.h"
#include "daemon/backend/backend.h"
#include "daemon/backend/rings.h"
#include "proto/msg.h"

#define BUFFERS_MAX          32768u /* a refill ring has no more entries */
#define BUFFERS_WANTED       8u
#define KERNEL_BUFFERS_MAX   128u
#define BUFFER_BYTES_DEFAULT 65536u
#define GROUP                0

struct copy {
	struct backend backend;
	const struct rings *rings;
	struct io_uring_buf_ring *buffer_ring;
	uint32_t buffer_ring_entries;
	char *base;
	uint32_t buffers, buffer_shift;
	uint32_t with_kernel; /* buffers in the buffer ring */
	uint32_t free;        /* buffers on the stack */
	uint16_t *stack;
	bool client_has[];
};

static struct copy *copy_of(struct backend *backend)
{
	return container_of(backend, struct copy, backend);
}

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

static uint32_t copy_replenish(struct backend *backend)
{
	struct copy *b = copy_of(backend);
	uint32_t buffer_bytes = backend->buffer_bytes;
	int n = 0, mask = (int)b->buffer_ring_entries - 1;
	for (; b->with_kernel < KERNEL_BUFFERS_MAX && b->free > 0; b->with_kernel++) {
		uint16_t id = b->stack[--b->free];
		io_uring_buf_ring_add(b->buffer_ring, b->base + (size_t)id * buffer_bytes,
				      buffer_bytes, id, mask, n++);
	}
	io_uring_buf_ring_advance(b->buffer_ring, n);
	return b->with_kernel;
}

static uint32_t copy_refill_entries(uint32_t buffers)
{
	return buffers;
}

static int copy_open(struct backend **ret, const struct backend_setup *setup)
{
	uint32_t buffers = (uint32_t)(setup->area->bytes / setup->buffer_bytes);
	uint32_t with_kernel = buffers < KERNEL_BUFFERS_MAX ? buffers : KERNEL_BUFFERS_MAX;
	struct copy *b = calloc(1, sizeof(*b) + buffers * sizeof(b->client_has[0]));
	uint16_t *stack = calloc(buffers, sizeof(*stack));
	int r = -ENOMEM;
	if (b && stack) {
		b->backend = (struct backend){.ops = &backend_copy,
					      .ring = setup->ring,
					      .buffer_bytes = setup->buffer_bytes};
		b->rings = setup->rings;
		b->base = setup->area->base;
		b->buffers = buffers;
		b->buffer_shift = (uint32_t)__builtin_ctz(setup->buffer_bytes);
		b->buffer_ring_entries = round_up_pow2(with_kernel);
		b->stack = stack;
		b->buffer_ring = uring_buffers_new(setup->ring, b->buffer_ring_entries, GROUP, &r);
	}
	if (!b || !b->buffer_ring) {
		free(stack);
		free(b);
		return r;
	}
	for (uint32_t id = buffers; id-- > 0;)
		stack_push(b, id);
	*ret = &b->backend;
	return 0;
}

static void copy_close(struct backend *backend)
{
	struct copy *b = copy_of(backend);
	uring_buffers_free(b->buffer_ring, b->buffer_ring_entries);
	free(b->stack);
	free(b);
}

static void copy_arm(struct backend *backend, int sock, uint64_t user_data)
{
	struct io_uring_sqe *sqe = uring_sqe(backend->ring);
	io_uring_prep_recv_multishot(sqe, sock, NULL, 0, 0);
	sqe->flags |= IOSQE_BUFFER_SELECT;
	sqe->buf_group = GROUP;
	sqe->user_data = user_data;
}

static void copy_received(struct backend *backend, uint32_t from, uint32_t to)
{
	struct copy *b = copy_of(backend);
	for (; from != to; from++) {
		const struct io_uring_cqe *cqe = rings_cqe(b->rings, from);
		if (!(cqe->flags & IORING_CQE_F_BUFFER))
			continue;
		uint32_t id = cqe->flags >> IORING_CQE_BUFFER_SHIFT;
		b->with_kernel--;
		if (cqe->res > 0)
			b->client_has[id] = true;
		else
			stack_push(b, id); /* the client skips this completion */
	}
}

static bool copy_refill(struct backend *backend, uint64_t off)
{
	struct copy *b = copy_of(backend);
	uint64_t id = off >> b->buffer_shift;
	if (id >= b->buffers || !b->client_has[id])
		return false;
	stack_push(b, (uint32_t)id);
	return true;
}

/* Did the kernel fill buffers while the CQ was full, or without memory for the completion? */
static bool copy_end(struct backend *backend)
{
	const struct copy *b = copy_of(backend);
	uint16_t head = 0;
	if (io_uring_buf_ring_head(&backend->ring->io, GROUP, &head) < 0)
		return true;
	return (uint16_t)(b->buffer_ring->tail - head) != b->with_kernel;
}

const struct backend_ops backend_copy = {
	.number = MSG_BACKEND_COPY,
	.format = MSG_FORMAT_BUFFER_ID,
	.cqe_bytes = sizeof(struct io_uring_cqe),
	.copies = true,
	.pace_us = 50, /* longer, and the receive window fills: measured */
	.area_bytes_max = (uint64_t)BUFFERS_MAX * BACKEND_BUFFER_BYTES_MAX,
	.buffer_bytes = copy_buffer_bytes,
	.refill_entries = copy_refill_entries,
	.open = copy_open,
	.close = copy_close,
	.arm = copy_arm,
	.replenish = copy_replenish,
	.received = copy_received,
	.refill = copy_refill,
	.end = copy_end,
};
