/* SPDX-License-Identifier: MIT */
/*
 * The devmem backend: the client's dma-buf is bound to its hardware queues, the NIC writes payload
 * there, and recvmsg says where (the kernel's Documentation/networking/devmem.rst). The completions
 * are ours: a multishot recvmsg for each stream runs on a private ring, and what its messages say
 * becomes completions as zcrx's kernel would write them.
 *
 * A message lies in a slot of the side buffer, which is where recvmsg puts bytes that are not in
 * the dma-buf; the slot returns when the client is done with those, most often at once. Fragments
 * of the dma-buf are tokens (tokens.h), lent until the client refills them, and then given back
 * (giveback.h).
 *
 * When the shared CQ is full, or too many tokens are out, a message waits where it is.
 */
#include <errno.h>
#include <linux/uio.h> /* first: its struct iovec instead of the C library's, see CMakeLists.txt */
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>
#include <unistd.h>

#include "base/container.h"
#include "base/counter.h"
#include "base/size.h"
#include "daemon/backend/area.h"
#include "daemon/backend/backend.h"
#include "daemon/backend/giveback.h"
#include "daemon/backend/rings.h"
#include "daemon/backend/side.h"
#include "nic/bind.h"
#include "proto/flow_id.h"
#include "proto/msg.h"

#ifndef MSG_SOCK_DEVMEM /* older C libraries */
#define MSG_SOCK_DEVMEM 0x2000000
#endif

/* Room for control messages: what does not fit comes with the next message. */
#define FRAGMENTS_MOST 128u
#define CONTROL_BYTES  (FRAGMENTS_MOST * CMSG_SPACE(sizeof(struct dmabuf_cmsg)))

#define CANCEL (1ull << 34) /* user_data of our cancellations */

struct stream {
	struct giveback_stream back;
	int error; /* ends the stream */
};

struct index {
	struct stream *stream; /* or NULL */
};

/* A message that is being made completions of. */
struct message {
	bool active;
	uint32_t slot;
	struct stream *stream;
	struct io_uring_recvmsg_out *out;
	struct cmsghdr *next;
	uint32_t at;    /* of the bytes that are not in the dma-buf, in the slot */
	uint32_t plain; /* bytes of a message without a word about them */
};

struct devmem {
	struct backend backend;
	struct rings *rings;
	struct side *side;
	struct nic_binding *binding;
	uint64_t area_bytes;
	struct giveback back;
	struct index *by_index; /* streams by the lower half of their ids */
	uint32_t indices;
	struct msghdr header;
	struct message message;
	uint64_t lent; /* fragments, in all */
	bool ending;   /* nothing goes to the client any more */
	bool dropped;  /* ... and something would have */
};

static struct devmem *devmem_of(struct backend *backend)
{
	return container_of(backend, struct devmem, backend);
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
	nic_unbind(b->binding);
	giveback_done(&b->back);
	free(b->by_index);
	free(b);
}

static int devmem_open(struct backend **ret, const struct backend_setup *setup)
{
	struct rings *rings = setup->rings;
	struct devmem *b = calloc(1, sizeof(*b));
	if (!b)
		return -ENOMEM;
	b->backend = (struct backend){.ops = &backend_devmem,
				      .ring = setup->ring,
				      .buffer_bytes = setup->buffer_bytes};
	b->rings = rings;
	b->side = setup->side;
	b->area_bytes = setup->area->bytes;
	b->header.msg_controllen = CONTROL_BYTES;
	int r = giveback_init(&b->back, setup->ring, rings->daemon, b->area_bytes,
			      setup->buffer_bytes, rings->layout.rq_entries);
	if (r == 0)
		r = nic_bind(&b->binding, setup->ifindex, setup->rxqs, setup->n_rxqs,
			     setup->area->dmabuf);
	if (r < 0) {
		devmem_close(&b->backend);
		return r;
	}
	*ret = &b->backend;
	return 0;
}

/* ---- streams ---- */

static struct stream *stream_find(const struct devmem *b, uint32_t id)
{
	uint32_t index = flow_id_index(id);
	struct stream *s = index < b->indices ? b->by_index[index].stream : NULL;
	return s && s->back.stream.id == id ? s : NULL;
}

static int index_make(struct devmem *b, uint32_t index)
{
	if (index < b->indices)
		return 0;
	uint32_t n = round_up_pow2(index + 1);
	struct index *by_index = reallocarray(b->by_index, n, sizeof(*by_index));
	if (!by_index)
		return -ENOMEM;
	memset(by_index + b->indices, 0, (n - b->indices) * sizeof(*by_index));
	b->by_index = by_index;
	b->indices = n;
	return 0;
}

static int devmem_join(struct backend *backend, struct backend_stream **ret, int sock, uint32_t id)
{
	struct devmem *b = devmem_of(backend);
	if (index_make(b, flow_id_index(id)) < 0)
		return -ENOMEM;
	struct stream *s = calloc(1, sizeof(*s));
	if (!s)
		return -ENOMEM;
	s->back = (struct giveback_stream){.stream = {.sock = sock, .id = id},
					   .tokens.due = TOKENS_NONE};
	b->by_index[flow_id_index(id)].stream = s;
	*ret = &s->back.stream;
	return 0;
}

static bool devmem_is_settled(struct backend_stream *s)
{
	return giveback_is_settled(container_of(s, struct giveback_stream, stream));
}

static uint32_t devmem_next_settled(struct backend *backend)
{
	struct devmem *b = devmem_of(backend);
	return giveback_next(&b->back);
}

static void devmem_leave(struct backend *backend, struct backend_stream *s)
{
	struct devmem *b = devmem_of(backend);
	b->by_index[flow_id_index(s->id)].stream = NULL;
	free(container_of(s, struct stream, back.stream));
}

static void devmem_arm(struct backend *backend, int sock, uint64_t user_data)
{
	struct devmem *b = devmem_of(backend);
	struct io_uring_sqe *sqe = uring_sqe(backend->ring);
	io_uring_prep_recvmsg_multishot(sqe, sock, &b->header, MSG_SOCK_DEVMEM);
	sqe->flags |= IOSQE_BUFFER_SELECT;
	sqe->buf_group = SIDE_GROUP;
	sqe->user_data = user_data;
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
	return b->side->posted ? UINT32_MAX : 0;
}

/* ---- messages ---- */

static void complete(struct devmem *b, uint32_t id, uint32_t bytes, uint32_t flags, uint64_t off)
{
	rings_complete(b->rings, &(struct ring_cqe){.user_data = id,
						    .res = (int32_t)bytes,
						    .flags = IORING_CQE_F_MORE | flags,
						    .off = off});
}

/* Bytes that are not in the dma-buf. False: there is no room for their completion. */
static bool plain_take(struct devmem *b, uint32_t bytes)
{
	struct message *m = &b->message;
	b->dropped |= b->ending;
	if (!m->stream->error && !b->ending) {
		if (!side_give(b->side, m->slot))
			return false;
		complete(b, m->stream->back.stream.id, bytes,
			 IORING_CQE_F_BUFFER | m->slot << IORING_CQE_BUFFER_SHIFT, m->at);
	}
	m->at += bytes;
	return true;
}

/*
 * A fragment. One of another dma-buf came while the socket was steered to somebody else's queue: it
 * cannot be had any more, and the stream is at its end.
 */
static bool fragment_take(struct devmem *b, const struct dmabuf_cmsg *f)
{
	struct message *m = &b->message;
	struct stream *s = m->stream;
	if (b->back.tokens.n_free == 0)
		return false;
	if (f->dmabuf_id != nic_binding_id(b->binding) || f->frag_offset >= b->area_bytes ||
	    f->frag_size > b->area_bytes - f->frag_offset)
		s->error = -EFAULT;
	b->lent++;
	b->dropped |= b->ending;
	if (s->error || b->ending) {
		tokens_reject(&b->back.tokens, &s->back.tokens, f->frag_token);
	} else {
		tokens_lend(&b->back.tokens, &s->back.tokens, f->frag_offset, f->frag_token);
		complete(b, s->back.stream.id, f->frag_size, 0, f->frag_offset);
	}
	return true;
}

static bool control_take(struct devmem *b, const struct cmsghdr *c)
{
	const struct dmabuf_cmsg *f = (const void *)CMSG_DATA(c);
	if (c->cmsg_level == SOL_SOCKET && c->cmsg_type == SCM_DEVMEM_DMABUF)
		return fragment_take(b, f);
	if (c->cmsg_level == SOL_SOCKET && c->cmsg_type == SCM_DEVMEM_LINEAR)
		return plain_take(b, f->frag_size);
	return true;
}

static void message_begin(struct devmem *b, const struct io_uring_cqe *cqe)
{
	struct message *m = &b->message;
	uint32_t slot = cqe->flags >> IORING_CQE_BUFFER_SHIFT;
	char *at = b->side->map + (size_t)slot * SIDE_SLOT_BYTES;
	*m = (struct message){.active = true, .slot = slot};
	m->stream = stream_find(b, (uint32_t)cqe->user_data);
	m->out = io_uring_recvmsg_validate(at, cqe->res, &b->header);
	side_take(b->side, slot);
	if (!m->stream || !m->out)
		return;
	m->next = io_uring_recvmsg_cmsg_firsthdr(m->out, &b->header);
	m->at = (uint32_t)((char *)io_uring_recvmsg_payload(m->out, &b->header) - at);
	m->plain = m->next ? 0 : m->out->payloadlen;
}

static bool has_room(const struct devmem *b)
{
	return b->ending || rings_complete_room(b->rings) > 0;
}

/* Goes on with the message as far as there is room. True when it is done. */
static bool message_take(struct devmem *b)
{
	struct message *m = &b->message;
	while (m->next) {
		if (!has_room(b) || !control_take(b, m->next))
			return false;
		m->next = io_uring_recvmsg_cmsg_nexthdr(m->out, &b->header, m->next);
	}
	if (m->plain > 0 && (!has_room(b) || !plain_take(b, m->plain)))
		return false;
	m->plain = 0;
	return true;
}

/* The last completion of an operation; the end of the stream comes as an empty message. */
static int32_t last_of(const struct message *m, const struct io_uring_cqe *cqe)
{
	if (m->stream && m->stream->error)
		return m->stream->error;
	if (!m->active)
		return cqe->res;
	return m->out && m->out->payloadlen == 0 ? 0 : -EAGAIN;
}

static void cancel(struct devmem *b, uint64_t user_data)
{
	struct io_uring_sqe *sqe = uring_sqe(b->backend.ring);
	io_uring_prep_cancel64(sqe, user_data, 0);
	sqe->flags |= IOSQE_CQE_SKIP_SUCCESS;
	sqe->user_data = CANCEL;
}

/* Makes completions of one of the private ring's. False: later, there is no room. */
static bool translate(struct devmem *b, const struct io_uring_cqe *cqe)
{
	struct message *m = &b->message;
	if (!m->active && cqe->flags & IORING_CQE_F_BUFFER)
		message_begin(b, cqe);
	if (m->active && !message_take(b))
		return false;
	if (b->ending) {
		/* Nobody is told of ends any more. */
	} else if (!(cqe->flags & IORING_CQE_F_MORE)) {
		if (!has_room(b))
			return false;
		rings_complete(b->rings, &(struct ring_cqe){.user_data = cqe->user_data,
							    .res = last_of(m, cqe)});
	} else if (m->active && m->stream && m->stream->error) {
		cancel(b, cqe->user_data);
	}
	b->back.received |= m->out && m->out->payloadlen > 0;
	if (m->active)
		side_drop(b->side, m->slot);
	*m = (struct message){0};
	return true;
}

static bool devmem_reap(struct backend *backend, bool *ret_held)
{
	struct devmem *b = devmem_of(backend);
	struct io_uring_cqe *cqe;
	bool room = true, any = giveback_reap(&b->back);
	while (room && (cqe = uring_peek(b->backend.ring))) {
		any |= giveback_reap(&b->back); /* those do not wait for room: they make some */
		room = giveback_is_ours(cqe) || cqe->user_data == CANCEL || translate(b, cqe);
		if (room)
			io_uring_cqe_seen(&b->backend.ring->io, cqe);
		any |= room;
	}
	count_set(&b->rings->daemon->lent, b->lent);
	rings_complete_show(b->rings);
	*ret_held = !room || giveback_is_short(&b->back);
	return any;
}

/* What is given back makes room in the ledger for the next messages. */
static bool devmem_end(struct backend *backend)
{
	struct devmem *b = devmem_of(backend);
	bool held;
	b->ending = true;
	do {
		giveback_all(&b->back);
		uring_enter(backend->ring);
	} while (devmem_reap(backend, &held) || uring_overflown(backend->ring));
	giveback_all(&b->back);
	return b->dropped || uring_lost(backend->ring);
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
	.area_bytes_max = TOKENS_AREA_BYTES_MOST,
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
