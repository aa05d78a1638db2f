/* SPDX-License-Identifier: MIT */
/*
 * The zcrx backend (the kernel's Documentation/networking/iou-zcrx.rst): the NIC writes payload
 * into the area, the kernel writes into the shared CQ where it is, and takes refills from the
 * shared refill ring. The pump does nothing for each buffer.
 *
 * Payload that the NIC did not write into the area (a packet that was not split, or one of another
 * queue) the kernel copies into free buffers of the area. If none is free the receive ends with
 * -ENOMEM (drought.h). Into a dma-buf the kernel cannot copy: there the receive always ends with
 * -ENOMEM, and what comes next in the stream is drained to the side buffer.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/container.h"
#include "base/counter.h"
#include "base/size.h"
#include "daemon/backend/area.h"
#include "daemon/backend/backend.h"
#include "daemon/backend/drought.h"
#include "daemon/backend/rings.h"
#include "daemon/backend/side.h"
#include "daemon/common/zcrx_abi.h"
#include "daemon/grant/attach.h"
#include "proto/msg.h"

#ifndef MSG_SOCK_DEVMEM /* older C libraries */
#define MSG_SOCK_DEVMEM 0x2000000
#endif

/* Room for the control messages of a drain, of which there is one for each packet. */
#define DRAIN_CONTROL_BYTES 4096

/*
 * The kernel (6.15 to 7.3, io_uring/zcrx.c: io_zcrx_queue_cqe(), io_zcrx_ring_refill()) computes a
 * buffer's offset in 32 bits. In a larger area completions would name the wrong bytes and refills
 * would free the wrong buffers, without an error.
 */
#define AREA_BYTES_MAX (1ull << 32)

#define EVENT (1ull << 34) /* user_data of events; that of a receive is a flow's id */

/* The kernel changes a drain's header, so each SQE has a header of its own. */
struct drain {
	struct msghdr headers[URING_SQ_ENTRIES];
	struct iovec iov;
	_Alignas(8) char control[DRAIN_CONTROL_BYTES]; /* nobody reads it */
};

struct zcrx {
	struct backend backend;
	struct rings *rings;
	struct side *side; /* NULL: the area is no dma-buf */
	struct drain *drain;
	uint32_t ifq;
	struct zcrx_abi abi;
	struct drought drought;
	bool flushed;     /* the refill ring was, since the client last gave a buffer back */
	uint64_t claimed; /* refills that the client wrote and that are not believed yet */
	int64_t out; /* completions that are not given back; < 0: more refills than completions */
	bool event;  /* the NIC found no buffer; the kernel tells again once it is asked to */
	/* The client can write them, so they are shown and not trusted. NULL: there are none. */
	const struct zcrx_statistics *stats;
};

static struct zcrx *zcrx_of(struct backend *backend)
{
	return container_of(backend, struct zcrx, backend);
}

static uint32_t page_bytes(void)
{
	return (uint32_t)sysconf(_SC_PAGESIZE);
}

static uint32_t zcrx_buffer_bytes(uint64_t area_bytes, uint32_t wish)
{
	(void)area_bytes;
	uint32_t bytes = wish ? round_up_pow2(wish) : page_bytes();
	return bytes < page_bytes() ? page_bytes() : bytes;
}

static uint32_t zcrx_refill_entries(uint32_t buffers)
{
	/* Several completions can name one buffer, and each is given back by itself. */
	return buffers > UINT32_MAX / 4 ? UINT32_MAX : buffers * 4;
}

static int try(struct zcrx *b, const struct backend_setup *setup, struct attach_zcrx *r)
{
	const struct area *area = setup->area;
	uint32_t chunk = b->backend.buffer_bytes;
	bool is_dmabuf = area->dmabuf >= 0;
	*r = (struct attach_zcrx){.lease = setup->lease,
				  .ring = b->backend.ring->io.ring_fd,
				  .rq_entries = b->rings->layout.rq_entries,
				  .chunk_bytes = chunk == page_bytes() ? 0 : chunk,
				  .refills = b->rings->rq_fd,
				  .area = is_dmabuf ? area->dmabuf : area->memfd,
				  .is_dmabuf = is_dmabuf,
				  .area_bytes = area->bytes,
				  .events = b->abi.events,
				  .event_data = EVENT};
	rings_refill_region(b->rings, &r->refills_offset, &r->refills_bytes);
	r->stats_offset = r->refills_bytes - ZCRX_STATISTICS_BYTES;
	int e = attach_zcrx(r);
	memcpy(setup->why, r->why, sizeof(r->why));
	return e;
}

/* Tries buffers of the size that is wished for. Where that is impossible, buffers are pages. */
static int attach(struct zcrx *b, const struct backend_setup *setup, struct attach_zcrx *r)
{
	int e = -EOPNOTSUPP;
	if (b->backend.buffer_bytes == page_bytes() || b->abi.large_buffers)
		e = try(b, setup, r);
	/* What is not the kernel's word would be the same again, or the ring is not to be used. */
	if (e == 0 || e == -ERESTART || *setup->why || b->backend.buffer_bytes == page_bytes())
		return e;
	b->backend.buffer_bytes = page_bytes();
	return try(b, setup, r);
}

/* The hardware queue goes back when the ring does. */
static void zcrx_close(struct backend *backend)
{
	struct zcrx *b = zcrx_of(backend);
	free(b->drain);
	free(b);
}

static int zcrx_open(struct backend **ret, const struct backend_setup *setup)
{
	struct zcrx *b = calloc(1, sizeof(*b));
	struct attach_zcrx r;
	if (!b)
		return -ENOMEM;
	*b = (struct zcrx){.backend = {.ops = &backend_zcrx,
				       .ring = setup->ring,
				       .buffer_bytes = setup->buffer_bytes},
			   .rings = setup->rings,
			   .side = setup->side,
			   .abi = zcrx_abi_query()};
	if (b->side)
		b->drain = malloc(sizeof(*b->drain));
	int e = b->side && !b->drain ? -ENOMEM : attach(b, setup, &r);
	if (e < 0) {
		zcrx_close(&b->backend);
		return e;
	}
	b->ifq = r.id;
	if (b->abi.events && !b->side)
		b->stats = (const void *)(b->rings->rq + r.refills_offset + r.stats_offset);
	b->backend.copies_untold = !b->stats && !b->side;
	b->backend.area_token = r.token;
	rings_place_refills(b->rings, r.head, r.tail, r.rqes);
	*ret = &b->backend;
	return 0;
}

static void zcrx_arm(struct backend *backend, int sock, uint64_t user_data)
{
	struct zcrx *b = zcrx_of(backend);
	struct io_uring_sqe *sqe = uring_sqe(backend->ring);
	b->drought.armed = true;
	io_uring_prep_rw(IORING_OP_RECV_ZC, sqe, sock, NULL, 0, 0);
	sqe->ioprio |= IORING_RECV_MULTISHOT;
	sqe->zcrx_ifq_idx = b->ifq;
	sqe->user_data = user_data;
}

/*
 * With MSG_SOCK_DEVMEM recvmsg also takes the linear part of a packet whose rest the CPU cannot
 * read, where a plain recv ends with -EFAULT. It says so in control messages, which nobody needs.
 */
static void zcrx_drain(struct backend *backend, int sock, uint64_t user_data)
{
	struct zcrx *b = zcrx_of(backend);
	struct io_uring_sqe *sqe = uring_sqe(backend->ring);
	struct drain *d = b->drain;
	struct msghdr *header = &d->headers[sqe - backend->ring->io.sq.sqes];
	d->iov = (struct iovec){.iov_len = SIDE_SLOT_BYTES};
	*header = (struct msghdr){.msg_iov = &d->iov,
				  .msg_iovlen = 1,
				  .msg_control = d->control,
				  .msg_controllen = sizeof(d->control)};
	io_uring_prep_recvmsg(sqe, sock, header, MSG_SOCK_DEVMEM | MSG_DONTWAIT);
	sqe->flags |= IOSQE_BUFFER_SELECT;
	sqe->buf_group = SIDE_GROUP;
	sqe->user_data = user_data;
}

/* What is not simply data in the area. */
static void received_else(struct zcrx *b, const struct io_uring_cqe *cqe)
{
	if (cqe->user_data == EVENT) {
		b->event = true;
		count_add(&b->rings->daemon->starvations, 1);
		return;
	}
	b->out += cqe->res > 0 && !(b->side && cqe->flags & IORING_CQE_F_BUFFER);
	if (cqe->res == -ENOMEM && !b->side)
		drought_begins(&b->drought, clock_ns());
	if (!b->side || !(cqe->flags & IORING_CQE_F_BUFFER))
		return;
	uint32_t slot = cqe->flags >> IORING_CQE_BUFFER_SHIFT;
	side_take(b->side, slot);
	if (cqe->res > 0)
		side_give(b->side, slot); /* there is room: RING_SIDE_MAX exceeds SIDE_SLOTS */
	side_drop(b->side, slot);
}

static void zcrx_received(struct backend *backend, uint32_t from, uint32_t to)
{
	struct zcrx *b = zcrx_of(backend);
	uint32_t data = 0;
	for (; from != to; from++) {
		const struct io_uring_cqe *cqe = rings_cqe(b->rings, from);
		if (cqe->res > 0 && !(cqe->flags & IORING_CQE_F_BUFFER) && cqe->user_data != EVENT)
			data++;
		else
			received_else(b, cqe);
	}
	b->out += data;
}

static bool control(struct zcrx *b, uint32_t op)
{
	struct zcrx_ctrl ctrl = {.zcrx_id = b->ifq, .op = op};
	return io_uring_register_zcrx_ctrl(&b->backend.ring->io, &ctrl) >= 0;
}

/* Makes the kernel take all refills there are. Returns false if it cannot. */
static bool flush(struct zcrx *b)
{
	b->flushed = true;
	return b->abi.flush && control(b, ZCRX_CTRL_FLUSH_RQ);
}

/*
 * Did the client give anything back? The kernel alone sees which buffers; the pump counts, and
 * there can be no more refills than completions. If a client claims more, nothing is done for it
 * until as many completions have come. The kernel takes its refills when the NIC wants buffers.
 */
static bool given_back(struct zcrx *b)
{
	struct ring_daemon *counts = b->rings->daemon;
	uint32_t claimed = rings_refill_note(b->rings), most = b->rings->layout.rq_entries;
	b->out -= claimed;
	bool honest = b->out >= 0;
	count_add(honest ? &counts->refills : &counts->refills_refused, claimed);
	b->claimed += claimed;
	if (!honest)
		return false; /* completions that are yet to be counted may make it honest */
	uint32_t given = b->claimed < most ? (uint32_t)b->claimed : most;
	b->drought.given += given;
	b->claimed = 0;
	return given > 0;
}

/*
 * The refill ring has to be flushed in time: a client takes no more completions than it has room
 * for their refills. And a receive may have ended for want of the very buffers that lie in the
 * ring.
 */
static bool wants_flush(const struct zcrx *b, bool news, uint32_t untaken)
{
	uint32_t entries = b->rings->layout.rq_entries;
	if (b->out < 0 || untaken == 0 || b->flushed)
		return false;
	bool no_room = (uint64_t)b->out + untaken >= entries;
	return b->drought.on || no_room || (news && untaken > entries / 4);
}

static uint32_t zcrx_replenish(struct backend *backend)
{
	struct zcrx *b = zcrx_of(backend);
	/* Before the flush: a refill that comes later may miss the flush, and is news next time. */
	bool news = given_back(b);
	uint32_t untaken = rings_refill_untaken(b->rings);
	b->flushed &= !news;
	bool flushed = wants_flush(b, news, untaken) && flush(b);
	if (news || flushed)
		drought_ends(&b->drought);
	if (b->event && news)
		b->event = !control(b, ZCRX_OP_ARM_EVENT);
	if (b->side && !b->side->lent)
		return 0;
	return drought_arms(&b->drought, clock_ns());
}

static uint64_t zcrx_copied(struct backend *backend)
{
	const struct zcrx *b = zcrx_of(backend);
	return b->stats ? __atomic_load_n(&b->stats->copied_bytes, __ATOMIC_RELAXED) : 0;
}

/*
 * What a receive puts into the area has its completion in the CQ, or is not taken from the socket.
 * Only a drain's completion can be left where there was no room for it.
 */
static bool zcrx_end(struct backend *backend)
{
	return zcrx_of(backend)->side &&
	       (uring_overflown(backend->ring) || uring_lost(backend->ring));
}

const struct backend_ops backend_zcrx = {
	.number = MSG_BACKEND_ZCRX,
	.format = MSG_FORMAT_ZCRX,
	.cqe_bytes = 2 * sizeof(struct io_uring_cqe),
	.needs_side = true,
	.tries_again = true,
	.pace_us = BACKEND_PACE_US_MAX,
	.area_bytes_max = AREA_BYTES_MAX,
	.buffer_bytes = zcrx_buffer_bytes,
	.refill_entries = zcrx_refill_entries,
	.open = zcrx_open,
	.close = zcrx_close,
	.arm = zcrx_arm,
	.replenish = zcrx_replenish,
	.drain = zcrx_drain,
	.received = zcrx_received,
	.end = zcrx_end,
	.copied = zcrx_copied,
};
