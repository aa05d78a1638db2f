/* SPDX-License-Identifier: MIT */
/*
 * The devmem backend: the client's dma-buf is bound to its hardware queues, the NIC writes payload
 * there, and recvmsg says where (the kernel's Documentation/networking/devmem.rst). The completions
 * are ours: a multishot recvmsg for each stream runs on a private ring, and what its messages say
 * becomes completions as zcrx's kernel would write them (messages.h). Fragments of the dma-buf are
 * tokens (tokens.h), lent until the client refills them, and then given back (giveback.h).
 */
#include "daemon/backend/devmem.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/container.h"
#include "base/counter.h"
#include "base/fd.h"
#include "daemon/backend/area.h"
#include "daemon/backend/backend.h"
#include "daemon/backend/messages.h"
#include "daemon/backend/rings.h"
#include "daemon/backend/side.h"
#include "daemon/grant/attach.h"
#include "proto/msg.h"

struct devmem {
	struct backend backend;
	int binding; /* a socket, which it lives as long as, or -1 */
	uint32_t binding_id;
	struct giveback back;
	struct messages messages;
};

static const struct giveback_tuning *tuning_of_queues = &giveback_tuning;

void devmem_tune(const struct giveback_tuning *tuning)
{
	tuning_of_queues = tuning;
}

static struct devmem *devmem_of(struct backend *backend)
{
	return container_of(backend, struct devmem, backend);
}

static struct stream *stream_of(struct backend_stream *s)
{
	return container_of(s, struct stream, back.stream);
}

static uint32_t devmem_buffer_bytes(uint64_t area_bytes, uint32_t wish)
{
	(void)area_bytes;
	(void)wish;
	return (uint32_t)sysconf(_SC_PAGESIZE); /* net/core/devmem.c: the chunks of its pool */
}

static uint32_t devmem_refill_entries(uint32_t buffers)
{
	/* A niov can hold the ends of several fragments, and each is given back by itself. */
	return buffers > UINT32_MAX / 4 ? UINT32_MAX : buffers * 4;
}

static void devmem_close(struct backend *backend)
{
	struct devmem *b = devmem_of(backend);
	fd_close(b->binding);
	giveback_done(&b->back);
	streams_done(&b->messages.streams);
	free(b);
}

static int acquire(struct devmem *b, const struct backend_setup *setup)
{
	struct giveback_setup back = {.ring = setup->ring,
				      .counts = setup->rings->daemon,
				      .area_bytes = setup->area->bytes,
				      .niov_bytes = setup->buffer_bytes,
				      .tokens_max = setup->rings->layout.rq_entries};
	int r = giveback_init(&b->back, &back, tuning_of_queues);
	if (r < 0)
		return r;
	return attach_devmem(&b->binding, &b->binding_id, setup->lease, setup->area->dmabuf,
			     setup->why);
}

static int devmem_open(struct backend **ret, const struct backend_setup *setup)
{
	struct devmem *b = calloc(1, sizeof(*b));
	if (!b)
		return -ENOMEM;
	b->binding = -1;
	b->backend = (struct backend){.ops = &backend_devmem,
				      .ring = setup->ring,
				      .buffer_bytes = setup->buffer_bytes};
	int r = acquire(b, setup);
	if (r < 0) {
		devmem_close(&b->backend);
		return r;
	}
	b->messages = (struct messages){.ring = setup->ring,
					.rings = setup->rings,
					.side = setup->side,
					.area_bytes = setup->area->bytes,
					.dmabuf_id = b->binding_id};
	*ret = &b->backend;
	return 0;
}

static int devmem_join(struct backend *backend, struct backend_stream **ret, int sock, uint32_t id)
{
	struct devmem *b = devmem_of(backend);
	struct stream *s;
	int r = streams_add(&b->messages.streams, &s, sock, id);
	if (r == 0)
		*ret = &s->back.stream;
	return r;
}

static bool devmem_is_settled(struct backend_stream *s)
{
	return giveback_is_settled(&stream_of(s)->back);
}

static uint32_t devmem_next_settled(struct backend *backend)
{
	struct devmem *b = devmem_of(backend);
	return giveback_next(&b->back);
}

static void devmem_leave(struct backend *backend, struct backend_stream *s)
{
	struct devmem *b = devmem_of(backend);
	streams_remove(&b->messages.streams, stream_of(s));
}

static void devmem_arm(struct backend *backend, int sock, uint64_t user_data)
{
	struct devmem *b = devmem_of(backend);
	messages_arm(&b->messages, sock, user_data);
}

static bool devmem_refill(struct backend *backend, uint64_t off)
{
	struct devmem *b = devmem_of(backend);
	return tokens_refill(&b->back.tokens, off) != NULL;
}

static uint32_t devmem_replenish(struct backend *backend)
{
	struct devmem *b = devmem_of(backend);
	giveback_turn(&b->back);
	return b->messages.side->lent ? UINT32_MAX : 0;
}

static bool devmem_reap(struct backend *backend, bool *ret_held)
{
	struct devmem *b = devmem_of(backend);
	struct uring *ring = backend->ring;
	struct rings *rings = b->messages.rings;
	struct io_uring_cqe *cqe;
	bool room = true, any = giveback_reap(&b->back);
	while (room && (cqe = uring_peek(ring))) {
		/* Calls that are done wait for no room: they make some. */
		any |= giveback_reap(&b->back);
		room = giveback_is_ours(cqe) || messages_take(&b->messages, &b->back, cqe);
		if (room)
			io_uring_cqe_seen(&ring->io, cqe);
		any |= room;
	}
	count_set(&rings->daemon->lent, b->messages.lent);
	rings_complete_show(rings);
	*ret_held = !room || giveback_is_short(&b->back);
	return any;
}

/* What is given back makes room in the ledger for the next messages. */
static bool devmem_end(struct backend *backend)
{
	struct devmem *b = devmem_of(backend);
	bool held;
	b->messages.ending = true;
	do {
		giveback_all(&b->back);
		uring_enter(backend->ring);
	} while (devmem_reap(backend, &held) || uring_overflown(backend->ring));
	giveback_all(&b->back);
	return b->messages.dropped || uring_lost(backend->ring);
}

static const struct backend_loans loans = {
	.join = devmem_join,
	.is_settled = devmem_is_settled,
	.next_settled = devmem_next_settled,
	.leave = devmem_leave,
};

static const struct backend_private_ring private_ring = {
	.reap = devmem_reap,
};

const struct backend_ops backend_devmem = {
	.number = MSG_BACKEND_DEVMEM,
	.format = MSG_FORMAT_ZCRX,
	.cqe_bytes = sizeof(struct ring_cqe),
	.needs_side = true,
	.pace_us = BACKEND_PACE_US_MAX,
	.area_bytes_max = TOKENS_AREA_BYTES_MAX,
	.buffer_bytes = devmem_buffer_bytes,
	.refill_entries = devmem_refill_entries,
	.open = devmem_open,
	.close = devmem_close,
	.arm = devmem_arm,
	.replenish = devmem_replenish,
	.refill = devmem_refill,
	.end = devmem_end,
	.loans = &loans,
	.private_ring = &private_ring,
};
