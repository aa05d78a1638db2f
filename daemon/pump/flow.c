/* SPDX-License-Identifier: MIT */
#include "daemon/pump/flow.h"

#include <errno.h>
#include <stdlib.h>

#include "base/size.h"
#include "daemon/grant/account.h"
#include "daemon/pump/channel.h"
#include "daemon/pump/control.h"
#include "daemon/pump/flows.h"
#include "daemon/pump/socket.h"
#include "daemon/pump/steer.h"
#include "proto/reason.h"

/* user_data of a cancellation on the queue's ring: this bit and the flow's id. */
#define CANCEL (1ull << 32)

#define STUCK_MOST     16
#define BACKLOG_SHARES 16u

/*
 * What waits in sockets lies in the area. If that were all of it, no buffer would be left for a
 * packet that was lost, or to copy to: all sockets together get half of the area. Their number is
 * rounded up, so that the others' shares seldom change. What a listener has, its connections have
 * until they are accepted, however many.
 */
static void limit(struct flow *f)
{
	const struct queue *q = f->queue;
	uint32_t shares = f->listener && q->shares < BACKLOG_SHARES ? BACKLOG_SHARES : q->shares;
	f->limited = socket_limit(f->sock, q->area->bytes / 2 / shares,
				  f->limited || f->listener_id != 0);
}

/* f: one that is new, or NULL: one has gone. */
static void share(struct queue *q, struct flow *f)
{
	if (!q->lease || queue_is_closing(q))
		return;
	bool few = q->flow_count > 0 && q->flow_count < q->shares / 4;
	if (q->flow_count > q->shares || few) {
		q->shares = round_up_pow2(few ? q->flow_count * 2 : q->flow_count);
		TAILQ_FOREACH (f, &q->flows, link)
			if (f->sock >= 0)
				limit(f);
	} else if (f) {
		limit(f);
	}
}

void flow_open(struct flow *f)
{
	flows_link(f);
	if (!f->listener && f->queue->backend->ops->end)
		f->taken = socket_taken(f->sock);
	share(f->queue, f);
	if (!f->steering && !f->why_copied)
		steer_start(f);
	flows_set_state(f, FLOW_IDLE);
	flow_attend(f);
}

void flow_pause(struct flow *f, bool on)
{
	__atomic_store_n(&f->paused, on, __ATOMIC_RELAXED);
	flow_attend(f);
}

/* A connection of the listener's that the client was not told of yet, or NULL. */
static struct flow *unannounced(const struct flow *listener)
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
		channel_flush(f->queue); /* more may be said of it now */
	flow_attend(f);
}

void flow_give_up(struct flow *listener)
{
	struct flow *f;
	while (!queue_is_closing(listener->queue) && (f = unannounced(listener)))
		flow_close(f, true);
}

static void cancel(struct flow *f)
{
	struct queue *q = f->queue;
	f->cancelling = true;
	if (f->listener) {
		control_cancel(q->client, CONTROL_ACCEPT, f->id);
		return;
	}
	struct io_uring_sqe *sqe = uring_sqe(&q->ring);
	io_uring_prep_cancel64(sqe, f->id, 0);
	sqe->flags |= IOSQE_CQE_SKIP_SUCCESS;
	sqe->user_data = CANCEL | f->id;
	schedule_now(&q->schedule);
}

void flow_stop(struct flow *f)
{
	if (f->state == FLOW_ARMED && !f->cancelling && !f->listener)
		cancel(f);
}

void flow_drop(struct flow *f, bool torn)
{
	bool live =
		!f->closing && !f->listener && (f->state == FLOW_IDLE || f->state == FLOW_ARMED);
	/* Whoever went on reading would miss what was taken. */
	if (torn && live && socket_taken(f->sock) - f->taken != f->bytes)
		f->abort = true;
	/* Nobody knows of it. */
	if (f->state == FLOW_OPENING)
		f->abort = true;
	flow_drop_socket(f, f->abort);
	flow_free(f);
}

void flow_free(struct flow *f)
{
	struct queue *q = f->queue;
	flows_forget(f);
	channel_forget(q, f);
	if (f->stream)
		q->backend->ops->loans->leave(q->backend, f->stream);
	pthread_mutex_lock(&q->client->lock);
	TAILQ_REMOVE(&q->flows, f, link);
	q->flow_count--;
	pthread_mutex_unlock(&q->client->lock);
	if (f->accepting)
		flow_discard(f->accepting);
	flow_discard(f);
	share(q, NULL);
}

static void accept_next(struct flow *f)
{
	struct client *c = f->queue->client;
	if (!f->accepting &&
	    (!account_is_answered() || flow_new(&f->accepting, f->queue, -1) < 0)) {
		c->retry = true;
		return;
	}
	/* What is accepted must be told before more is: the rest waits in the kernel's backlog. */
	if (!TAILQ_EMPTY(&f->queue->news)) {
		f->queue->listeners_wait = true;
		return;
	}
	if (flow_watch(f, FLOW_WAIT_CONTROL) < 0) {
		c->retry = true;
		return;
	}
	io_uring_prep_accept(control_sqe(c, CONTROL_ACCEPT, f->id), f->sock, NULL, NULL,
			     SOCK_CLOEXEC);
	flows_set_state(f, FLOW_ARMED);
}

void flow_arm(struct flow *f)
{
	struct queue *q = f->queue;
	const struct backend_ops *ops = q->backend->ops;
	if (flow_watch(f, FLOW_WAIT_DATA) < 0 ||
	    (ops->loans && !f->stream &&
	     ops->loans->join(q->backend, &f->stream, f->sock, f->id) < 0))
		return flow_end(f, -ENOMEM, REASON_DAEMON_LIMIT);
	f->draining = f->drain;
	f->drain = false;
	(f->draining ? ops->drain : ops->arm)(q->backend, f->sock, f->id);
	flows_set_state(f, FLOW_ARMED);
	schedule_now(&q->schedule);
}

bool flow_is_settled(const struct flow *f)
{
	return !f->stream || f->queue->backend->ops->loans->is_settled(f->stream);
}

/* Lets go of the socket, unless the backend still owes it something. */
static void let_go(struct flow *f)
{
	steer_stop(f);
	if (!f->stream)
		return flow_drop_socket(f, f->abort);
	flow_unwatch(f);
	if (f->abort && f->state != FLOW_ENDED)
		socket_abort(f->sock);
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
			cancel(f);
		break;
	case FLOW_OPENING:
	case FLOW_ENDED:
		if (f->closing && !unannounced(f))
			die(f);
		break;
	case FLOW_IDLE:
		if (f->closing) {
			if (!unannounced(f))
				die(f);
		} else if (f->paused) {
			flows_forget(f);
			flow_unwatch(f);
		} else if (f->listener)
			accept_next(f);
		else
			flows_wait(f);
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
	bool placeable = res == -EFAULT || res == -ENODEV; /* to the drain */
	if (!q->side || !q->backend->ops->drain || (f->draining ? !placeable : res != -ENOMEM))
		return false;
	f->drain = !f->draining;
	return ++f->stuck < STUCK_MOST;
}

/* Who ended the stream, or what. */
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

/* The stream is over. To who waits for more it looks the same when its own side was shut down. */
static void stream_end(struct flow *f, int error)
{
	if (error == 0 && !socket_is_finished(f->sock))
		error = -ESHUTDOWN;
	flow_end(f, error, reason_of(f, error));
}

/* Ends that concern our operation, not the stream: it is simply armed again. */
static bool transient(int res)
{
	return res > 0 || res == -ENOBUFS || res == -ENOSPC || res == -ENOMEM ||
	       res == -ECANCELED || res == -EINTR || res == -EAGAIN;
}

void flow_received(struct flow *f, const struct io_uring_cqe *cqe)
{
	if (cqe->user_data & CANCEL) {
		/* It was not to be found; if the operation still runs, ask again. */
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

static void announce(struct flow *listener, int sock)
{
	struct flow *f = listener->accepting;
	listener->accepting = NULL;
	f->sock = sock;
	f->listener_id = listener->id;
	flow_identify(f, socket_cookie(sock));
	f->receive_only = listener->receive_only;
	addr_of_socket(sock, &f->local, &f->remote);
	steer_share(f, listener);
	flows_link(f);
	share(f->queue, f);
	if (f->receive_only && !policy_accepts(f->queue->client->class, &f->remote))
		flow_close(f, true);
	else
		channel_tell(f->queue, f);
}

/* Ends that concern one connection or our operation; what causes others lasts. */
static bool at_once(int result)
{
	return result == -ECANCELED || result == -EINTR || result == -EAGAIN ||
	       result == -ECONNABORTED;
}

void flow_accepted(struct flow *f, int result)
{
	flows_set_state(f, FLOW_IDLE);
	f->cancelling = false;
	if (result >= 0)
		announce(f, result);
	else if (result == -EINVAL || result == -EBADF || result == -ENOTSOCK)
		return flow_end(f, result, REASON_SOCKET_STATE);
	else if (!at_once(result)) {
		f->queue->client->retry = true;
		return;
	}
	flow_attend(f);
}
