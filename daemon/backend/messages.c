/* SPDX-License-Identifier: MIT */
#include <linux/uio.h> /* first: its struct iovec instead of the C library's, see CMakeLists.txt */

#include "daemon/backend/messages.h"

#include <errno.h>

#include "daemon/backend/rings.h"
#include "daemon/backend/side.h"

#ifndef MSG_SOCK_DEVMEM /* older C libraries */
#define MSG_SOCK_DEVMEM 0x2000000
#endif

/* Room for control messages: what does not fit comes with the next message. */
#define FRAGMENTS_MAX 128u
#define CONTROL_BYTES (FRAGMENTS_MAX * CMSG_SPACE(sizeof(struct dmabuf_cmsg)))

#define CANCEL (1ull << 34) /* user_data of our cancellations */

void messages_arm(struct messages *all, int sock, uint64_t user_data)
{
	struct io_uring_sqe *sqe = uring_sqe(all->ring);
	all->header.msg_controllen = CONTROL_BYTES;
	io_uring_prep_recvmsg_multishot(sqe, sock, &all->header, MSG_SOCK_DEVMEM);
	sqe->flags |= IOSQE_BUFFER_SELECT;
	sqe->buf_group = SIDE_GROUP;
	sqe->user_data = user_data;
}

static void complete(struct messages *all, uint32_t bytes, uint32_t flags, uint64_t off)
{
	rings_complete(all->rings,
		       &(struct ring_cqe){.user_data = all->message.stream->back.stream.id,
					  .res = (int32_t)bytes,
					  .flags = IORING_CQE_F_MORE | flags,
					  .off = off});
}

/* Takes bytes that are not in the dma-buf. Returns false if the side buffer has no room. */
static bool plain_take(struct messages *all, uint32_t bytes)
{
	struct message *m = &all->message;
	all->dropped |= all->ending;
	if (!m->stream->error && !all->ending) {
		if (!side_give(all->side, m->slot))
			return false;
		complete(all, bytes, IORING_CQE_F_BUFFER | m->slot << IORING_CQE_BUFFER_SHIFT,
			 m->at);
	}
	m->at += bytes;
	return true;
}

static bool is_in_area(const struct messages *all, const struct dmabuf_cmsg *f)
{
	return f->dmabuf_id == all->dmabuf_id && f->frag_offset < all->area_bytes &&
	       f->frag_size <= all->area_bytes - f->frag_offset;
}

/*
 * Takes a fragment. Returns false if the ledger has no room. A fragment of another dma-buf came
 * while the socket was steered to somebody else's queue: nobody can have its bytes, and the stream
 * ends here.
 */
static bool fragment_take(struct messages *all, struct tokens *tokens, const struct dmabuf_cmsg *f)
{
	struct stream *s = all->message.stream;
	if (tokens->n_free == 0)
		return false;
	if (!is_in_area(all, f))
		s->error = -EFAULT;
	all->lent++;
	all->dropped |= all->ending;
	if (s->error || all->ending) {
		tokens_reject(tokens, &s->back.tokens, f->frag_token);
	} else {
		tokens_lend(tokens, &s->back.tokens, f->frag_offset, f->frag_token);
		complete(all, f->frag_size, 0, f->frag_offset);
	}
	return true;
}

/* Control messages that say where the message's bytes lie. */
static bool is_of_bytes(const struct cmsghdr *c)
{
	return c->cmsg_level == SOL_SOCKET &&
	       (c->cmsg_type == SCM_DEVMEM_DMABUF || c->cmsg_type == SCM_DEVMEM_LINEAR);
}

/* Others come with options that whoever made the socket has set: TCP_INQ, SO_TIMESTAMP. */
static bool control_take(struct messages *all, struct tokens *tokens, const struct cmsghdr *c)
{
	const struct dmabuf_cmsg *f = (const void *)CMSG_DATA(c);
	if (!is_of_bytes(c))
		return true;
	all->message.plain = 0;
	return c->cmsg_type == SCM_DEVMEM_DMABUF ? fragment_take(all, tokens, f)
						 : plain_take(all, f->frag_size);
}

static void message_begin(struct messages *all, const struct io_uring_cqe *cqe)
{
	struct message *m = &all->message;
	uint32_t slot = cqe->flags >> IORING_CQE_BUFFER_SHIFT;
	char *at = all->side->map + (size_t)slot * SIDE_SLOT_BYTES;
	*m = (struct message){.active = true, .slot = slot};
	m->stream = streams_find(&all->streams, (uint32_t)cqe->user_data);
	m->out = io_uring_recvmsg_validate(at, cqe->res, &all->header);
	side_take(all->side, slot);
	if (!m->stream || !m->out)
		return;
	m->next = io_uring_recvmsg_cmsg_firsthdr(m->out, &all->header);
	m->at = (uint32_t)((char *)io_uring_recvmsg_payload(m->out, &all->header) - at);
	m->plain = m->out->payloadlen;
}

static bool has_room(const struct messages *all)
{
	return all->ending || rings_complete_room(all->rings) > 0;
}

/* Goes on with the message as far as there is room. Returns true when the whole message is taken.
 */
static bool message_take(struct messages *all, struct tokens *tokens)
{
	struct message *m = &all->message;
	while (m->next) {
		if (!has_room(all) || !control_take(all, tokens, m->next))
			return false;
		m->next = io_uring_recvmsg_cmsg_nexthdr(m->out, &all->header, m->next);
	}
	if (m->plain > 0 && (!has_room(all) || !plain_take(all, m->plain)))
		return false;
	m->plain = 0;
	return true;
}

/* The result of an operation that ended; the end of the stream comes as an empty message. */
static int32_t last_result(const struct message *m, const struct io_uring_cqe *cqe)
{
	if (m->stream && m->stream->error)
		return m->stream->error;
	if (!m->active)
		return cqe->res;
	return m->out && m->out->payloadlen == 0 ? 0 : -EAGAIN;
}

static void cancel(struct messages *all, uint64_t user_data)
{
	struct io_uring_sqe *sqe = uring_sqe(all->ring);
	io_uring_prep_cancel64(sqe, user_data, 0);
	sqe->flags |= IOSQE_CQE_SKIP_SUCCESS;
	sqe->user_data = CANCEL;
}

/* Tells of the operation's end, or ends it if the stream has an error. False: there is no room. */
static bool operation_take(struct messages *all, const struct io_uring_cqe *cqe)
{
	const struct message *m = &all->message;
	if (all->ending) /* nobody is told any more */
		return true;
	if (cqe->flags & IORING_CQE_F_MORE) {
		if (m->active && m->stream && m->stream->error)
			cancel(all, cqe->user_data);
		return true;
	}
	if (!has_room(all))
		return false;
	rings_complete(all->rings,
		       &(struct ring_cqe){.user_data = cqe->user_data, .res = last_result(m, cqe)});
	return true;
}

bool messages_take(struct messages *all, struct giveback *back, const struct io_uring_cqe *cqe)
{
	struct message *m = &all->message;
	if (cqe->user_data == CANCEL)
		return true;
	if (!m->active && cqe->flags & IORING_CQE_F_BUFFER)
		message_begin(all, cqe);
	if (m->active && !message_take(all, &back->tokens))
		return false;
	if (!operation_take(all, cqe))
		return false;
	back->received |= m->out && m->out->payloadlen > 0;
	if (m->active)
		side_drop(all->side, m->slot);
	*m = (struct message){0};
	return true;
}
