/* SPDX-License-Identifier: MIT */
#include "daemon/pump/flow.h"

#include <errno.h>
#include <stdlib.h>

#include "base/counter.h"
#include "daemon/pump/channel.h"
#include "daemon/pump/flows.h"
#include "daemon/pump/operation.h"
#include "daemon/pump/socket.h"
#include "daemon/pump/steer.h"
#include "daemon/pump/window.h"
#include "proto/reason.h"

#define STUCK_MAX 16

void flow_join(struct flow *f)
{
	flows_link(f);
	/* Its client, or a pump that was killed (gather.h), may have set another mark. */
	if (!f->listener)
		socket_set_mark(f->sock, 1);
	window_share(f->queue, f);
}

/* Nobody has read from a connection that a listener accepts: its `taken` is 0. */
void flow_open(struct flow *f)
{
	flow_join(f);
	if (!f->listener)
		f->taken = socket_taken(f->sock);
	if (!f->steering && !f->why_copied)
		steer_start(f);
	flows_set_state(f, FLOW_IDLE);
	flow_attend(f);
}

void flow_pause(struct flow *f, bool on)
{
	flows_set_paused(f, on);
	flow_attend(f);
}

struct flow *flow_unannounced(const struct flow *listener)
{
	struct flow *f;
	TAILQ_FOREACH (f, &listener->queue->news, news)
		if (f->state == FLOW_OPENING && f->listener_id == listener->id)
			return f;
	return NULL;
}

void flow_close(struct flow *f, bool abort)
{
	f->closing = true;
	f->abort = abort;
	if (f->listener)
		channel_flush(f->queue); /* announcements of the last connections may go now */
	flow_attend(f);
}

void flow_stop(struct flow *f)
{
	if (f->state == FLOW_ARMED && !f->cancelling && !f->listener)
		operation_cancel(f);
}

void flow_drop(struct flow *f, bool torn)
{
	bool live =
		!f->closing && !f->listener && (f->state == FLOW_IDLE || f->state == FLOW_ARMED);
	/* Whoever went on reading from the socket would miss what was taken from it. */
	if (torn && live && socket_taken(f->sock) - f->taken != count_get(&f->report->bytes))
		f->abort = true;
	/* The client does not know of the flow. */
	if (f->state == FLOW_OPENING)
		f->abort = true;
	/* That the client wants a reset once the stream is over changes nothing: let_go(). */
	flow_drop_socket(f, f->state < FLOW_ENDED ? f->abort : f->reset);
	flow_free(f);
}

void flow_free(struct flow *f)
{
	struct queue *q = f->queue;
	flows_forget(f);
	channel_forget(q, f);
	if (f->stream)
		q->backend->ops->loans->leave(q->backend, f->stream);
	flows_unlink(f);
	if (f->accepting)
		flow_discard(f->accepting);
	flow_discard(f);
	window_share(q, NULL);
}

void flow_arm(struct flow *f)
{
	if (operation_receive(f) < 0)
		flow_end(f, -ENOMEM, REASON_DAEMON_LIMIT);
}

bool flow_is_settled(const struct flow *f)
{
	return !f->leaving && (!f->stream || f->queue->backend->ops->loans->is_settled(f->stream));
}

/*
 * Drops the socket, unless rules bring its packets still, or the backend owes it something. No
 * operation is under way.
 */
static void part(struct flow *f)
{
	struct backend *b = f->queue->backend;
	if (f->stream && flow_is_settled(f)) {
		b->ops->loans->leave(b, f->stream);
		f->stream = NULL;
	}
	if (!f->leaving && !f->stream)
		return flow_drop_socket(f, f->reset);
	flow_unwatch(f);
	if (!f->leaving && f->reset)
		socket_abort(f->sock);
	f->reset &= f->leaving > 0;
}

static void let_go(struct flow *f)
{
	f->reset |= f->abort && f->state != FLOW_ENDED;
	steer_stop(f);
	part(f);
}

void flow_settle(struct flow *f)
{
	if (f->state < FLOW_ENDED)
		return;
	part(f);
	if (f->waits_on == &f->queue->owed && flow_is_settled(f))
		flow_free(f);
}

void flow_steered(struct queue *q)
{
	struct steering *at = steer_first(q);
	struct flow *f = steer_answered(q, &at);
	if (!f)
		return;
	for (; f; f = steer_answered(q, &at)) {
		if (f->state < FLOW_ENDED)
			flow_attend(f);
		else
			flow_settle(f);
	}
	channel_flush(q); /* connections that may be announced now */
}

static void die(struct flow *f)
{
	let_go(f);
	f->end = f->queue->scanned;
	flows_set_state(f, FLOW_DEAD);
	channel_forget(f->queue, f);
	flows_wait(f);
}

void flow_attend(struct flow *f)
{
	if (queue_is_closing(f->queue))
		return;
	switch (f->state) {
	case FLOW_ARMED:
		if ((f->paused || f->closing) && !f->cancelling)
			operation_cancel(f);
		break;
	case FLOW_OPENING:
	case FLOW_ENDED:
		if (f->closing && !flow_unannounced(f))
			die(f);
		break;
	case FLOW_IDLE:
		if (f->closing) {
			if (!flow_unannounced(f))
				die(f);
		} else if (f->paused) {
			flows_forget(f);
			flow_unwatch(f);
		} else if (f->awaits_rules) {
			flows_forget(f);
		} else if (f->listener) {
			operation_accept(f);
		} else {
			flows_wait(f);
		}
		break;
	case FLOW_DEAD:
		break;
	}
}

void flow_end(struct flow *f, int error, uint32_t reason)
{
	f->error = error;
	f->reason = reason;
	f->end = f->queue->scanned;
	let_go(f);
	flows_set_state(f, FLOW_ENDED);
	if (f->closing)
		flow_attend(f);
	else
		channel_tell(f->queue, f);
}

/*
 * What comes next cannot be placed in a dma-buf: it is drained. But what GRO merged of split and
 * unsplit packets Linux (7.2) neither receives nor lets be read: then neither moves anything, and
 * the stream ends.
 */
static bool unplaceable(struct flow *f, int res)
{
	const struct queue *q = f->queue;
	bool placeable = res == -EFAULT || res == -ENODEV; /* in the area, as the drain says */
	if (!q->side || !q->backend->ops->drain || (f->draining ? !placeable : res != -ENOMEM))
		return false;
	f->drain = !f->draining;
	return ++f->stuck < STUCK_MAX;
}

/* Who or what ended the stream. */
static uint32_t reason_of(const struct flow *f, int error)
{
	switch (-error) {
	case 0:
	case ECONNRESET:
	case EPIPE:
		return REASON_PEER;
	case ECONNABORTED:
	case ENOTCONN:
	case ESHUTDOWN:
		return REASON_LOCAL;
	case EFAULT: /* data that the kernel has and cannot let us have */
	case ENODEV:
		return f->queue->backend->ops->copies ? REASON_AREA_MEMORY : REASON_UNPLACEABLE;
	case ETIMEDOUT:
	case ECONNREFUSED:
	case EHOSTUNREACH:
	case EHOSTDOWN:
	case ENETUNREACH:
	case ENETDOWN:
		return REASON_NETWORK;
	default:
		return REASON_KERNEL;
	}
}

static void stream_end(struct flow *f, int error)
{
	if (error == 0)
		error = socket_end(f->sock, f->taken + count_get(&f->report->bytes));
	flow_end(f, error, reason_of(f, error));
}

/* Ends of the operation, not of the stream: the flow is armed again. */
static bool transient(int res)
{
	return res > 0 || res == -ENOBUFS || res == -ENOSPC || res == -ENOMEM ||
	       res == -ECANCELED || res == -EINTR || res == -EAGAIN;
}

void flow_received(struct flow *f, const struct io_uring_cqe *cqe)
{
	if (cqe->user_data & OPERATION_CANCEL) {
		/* There was nothing to cancel. If an operation runs by now, ask again. */
		f->cancelling = false;
		flow_attend(f);
		return;
	}
	if (cqe->flags & IORING_CQE_F_MORE)
		return;
	flows_set_state(f, FLOW_IDLE);
	f->cancelling = false;
	if (unplaceable(f, cqe->res) || transient(cqe->res))
		flow_attend(f);
	else
		stream_end(f, cqe->res);
}
