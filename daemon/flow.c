/* SPDX-License-Identifier: MIT */
#include "flow.h"

#include <errno.h>
#include <stdlib.h>

#include "channel.h"
#include "client.h"
#include "queue.h"
#include "socket.h"
#include "util.h"

/* user_data of a cancellation on the queue's ring: this bit and the flow's id. */
#define CANCEL (1ull << 32)

static void set_state(struct flow *f, enum flow_state state)
{
	__atomic_store_n(&f->state, state, __ATOMIC_RELAXED);
}

static int slots_grow(struct client *c)
{
	uint32_t count = c->slot_count ? c->slot_count * 2 : 16;
	if (count > CLIENT_FLOWS_MAX)
		count = CLIENT_FLOWS_MAX;
	if (count == c->slot_count)
		return -EDQUOT;
	struct flow_slot *slots = reallocarray(c->slots, count, sizeof(*slots));
	if (!slots)
		return -ENOMEM;
	for (uint32_t i = c->slot_count; i < count; i++)
		slots[i] = (struct flow_slot){0};
	c->slot_next = c->slot_count;
	c->slots = slots;
	c->slot_count = count;
	return 0;
}

/* A free slot, searched round about so that ids are reused late. */
static int slot_take(struct client *c, struct flow *f)
{
	for (uint32_t i = 0; i < c->slot_count; i++) {
		uint32_t index = (c->slot_next + i) % c->slot_count;
		struct flow_slot *slot = &c->slots[index];
		if (slot->flow)
			continue;
		if (++slot->generation == 0)
			slot->generation = 1;
		slot->flow = f;
		f->id = (uint32_t)slot->generation << 16 | index;
		c->slot_next = index + 1;
		return 0;
	}
	int r = slots_grow(c);
	return r < 0 ? r : slot_take(c, f);
}

int flow_new(struct flow **ret, struct queue *q, int sock)
{
	struct client *c = q->client;
	if (account_charge(c->who.peer, ACCOUNT_FLOWS, 1) < 0)
		return -EDQUOT;
	struct flow *f = calloc(1, sizeof(*f));
	int r = f ? slot_take(c, f) : -ENOMEM;
	if (r < 0) {
		free(f);
		account_release(c->who.peer, ACCOUNT_FLOWS, 1);
		return r;
	}
	f->queue = q;
	f->sock = sock;
	*ret = f;
	return 0;
}

static void link_in(struct flow *f)
{
	pthread_mutex_lock(&f->queue->client->lock);
	TAILQ_INSERT_TAIL(&f->queue->flows, f, link);
	pthread_mutex_unlock(&f->queue->client->lock);
}

void flow_open(struct flow *f)
{
	link_in(f);
	flow_announced(f);
}

void flow_announced(struct flow *f)
{
	set_state(f, FLOW_IDLE);
	flow_attend(f);
}

void flow_pause(struct flow *f, bool on)
{
	__atomic_store_n(&f->paused, on, __ATOMIC_RELAXED);
	flow_attend(f);
}

/* Connections that the client was not told of end with their listener: it could not end them. */
static void unannounced_close(struct flow *listener)
{
	struct flow *f, *next;
	for (f = TAILQ_FIRST(&listener->queue->news); f; f = next) {
		next = TAILQ_NEXT(f, news);
		if (f->state == FLOW_OPENING && f->listener_id == listener->id)
			flow_close(f, true);
	}
}

void flow_close(struct flow *f, bool abort)
{
	f->closing = true;
	f->abort = abort;
	if (f->listener)
		unannounced_close(f);
	flow_attend(f);
}

void flow_discard(struct flow *f)
{
	struct client *c = f->queue->client;
	c->slots[f->id & 0xffff].flow = NULL;
	account_release(c->who.peer, ACCOUNT_FLOWS, 1);
	socket_drop(f->sock, false);
	free(f);
}

void flow_free(struct flow *f)
{
	struct queue *q = f->queue;
	queue_forget(q, f);
	channel_forget(q, f);
	pthread_mutex_lock(&q->client->lock);
	TAILQ_REMOVE(&q->flows, f, link);
	pthread_mutex_unlock(&q->client->lock);
	if (f->accepting)
		flow_discard(f->accepting);
	flow_discard(f);
}

struct flow *flow_find(struct client *c, uint32_t id)
{
	uint32_t index = id & 0xffff;
	struct flow *f = index < c->slot_count ? c->slots[index].flow : NULL;
	return f && f->id == id ? f : NULL;
}

static void accept_next(struct flow *f)
{
	struct client *c = f->queue->client;
	if (!f->accepting && flow_new(&f->accepting, f->queue, -1) < 0) {
		c->retry = true;
		return;
	}
	/* What is accepted must be told before more is: the rest waits in the kernel's backlog. */
	if (!TAILQ_EMPTY(&f->queue->news)) {
		f->queue->listeners_wait = true;
		return;
	}
	io_uring_prep_accept(client_control(c, CONTROL_ACCEPT, f->id), f->sock, NULL, NULL,
			     SOCK_CLOEXEC);
	set_state(f, FLOW_ARMED);
}

void flow_arm(struct flow *f)
{
	f->queue->backend->arm(f->queue->buffers, &f->queue->ring, f->sock, f->id);
	set_state(f, FLOW_ARMED);
	f->queue->active = true;
}

static void cancel(struct flow *f)
{
	struct queue *q = f->queue;
	f->cancelling = true;
	if (f->listener) {
		uint64_t target = (uint64_t)CONTROL_ACCEPT << 32 | f->id;
		client_cancel(q->client, target);
		return;
	}
	struct io_uring_sqe *sqe = uring_sqe(&q->ring);
	io_uring_prep_cancel64(sqe, f->id, 0);
	sqe->flags |= IOSQE_CQE_SKIP_SUCCESS;
	sqe->user_data = CANCEL | f->id;
	q->active = true;
}

static void die(struct flow *f)
{
	f->sock = socket_drop(f->sock, f->abort);
	f->end = f->queue->scanned;
	set_state(f, FLOW_DEAD);
	channel_forget(f->queue, f);
	queue_wait(f->queue, f);
}

void flow_attend(struct flow *f)
{
	switch (f->state) {
	case FLOW_ARMED:
		if ((f->paused || f->closing) && !f->cancelling)
			cancel(f);
		break;
	case FLOW_OPENING:
	case FLOW_ENDED:
		if (f->closing)
			die(f);
		break;
	case FLOW_IDLE:
		if (f->closing)
			die(f);
		else if (f->paused)
			queue_forget(f->queue, f);
		else if (f->listener)
			accept_next(f);
		else
			queue_wait(f->queue, f);
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
	f->sock = socket_drop(f->sock, false);
	set_state(f, FLOW_ENDED);
	if (f->closing)
		flow_attend(f);
	else
		channel_tell(f->queue, f);
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
	if (cqe->res > 0)
		count_add(&f->bytes, (uint64_t)cqe->res);
	if (cqe->flags & IORING_CQE_F_MORE)
		return;
	set_state(f, FLOW_IDLE);
	f->cancelling = false;
	if (transient(cqe->res))
		flow_attend(f);
	else
		flow_end(f, cqe->res, REASON_PEER);
}

static void announce(struct flow *listener, int sock)
{
	struct flow *f = listener->accepting;
	listener->accepting = NULL;
	f->sock = sock;
	f->listener_id = listener->id;
	f->cookie = socket_cookie(sock);
	f->receive_only = listener->receive_only;
	socket_addresses(sock, &f->local, &f->remote);
	link_in(f);
	if (listener->closing)
		flow_close(f, true);
	else
		channel_tell(f->queue, f);
}

void flow_accepted(struct flow *f, int result)
{
	set_state(f, FLOW_IDLE);
	f->cancelling = false;
	if (result >= 0)
		announce(f, result);
	else if (result == -EINVAL || result == -EBADF || result == -ENOTSOCK)
		return flow_end(f, result, REASON_SOCKET_STATE);
	else if (result == -EMFILE || result == -ENFILE || result == -ENOMEM ||
		 result == -ENOBUFS) {
		f->queue->client->retry = true;
		return;
	}
	flow_attend(f);
}
