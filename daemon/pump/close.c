/* SPDX-License-Identifier: MIT */
#include "daemon/pump/close.h"

#include "daemon/pump/flow.h"
#include "daemon/pump/flows.h"
#include "daemon/pump/listener.h"
#include "daemon/pump/order.h"
#include "daemon/pump/pending.h"
#include "daemon/pump/queue.h"
#include "daemon/pump/queue_thread.h"
#include "proto/reason.h"

#define ANNOUNCE_NS 1000000000u /* for a closed listener's connections; part of the protocol */
#define GIVE_UP_NS  4000000u    /* between two tries to give a listener's connections up */

/* The queue of this id, also if it closes already; NULL if it is gone. */
static struct queue *queue_known(struct client *c, uint32_t id)
{
	struct queue *q;
	TAILQ_FOREACH (q, &c->queues, link)
		if (q->id == id)
			return q;
	return NULL;
}

/* QUEUE_CLOSE is answered when the queue is gone. */
static uint64_t queue_look(struct client *c, uint64_t now_ns)
{
	(void)now_ns;
	if (queue_known(c, c->session.pending.queue_id))
		return LOOP_FOREVER;
	pending_finish(c, REASON_NONE, &(struct answer){0});
	return 0;
}

/* A queue whose channel the client closed, or that was lost, closes already: it is waited for. */
uint32_t close_queue(struct client *c, const struct msg_queue_close *m)
{
	static const struct pending_kind kind = {.look = queue_look};
	struct queue *q = queue_known(c, m->queue_id);
	if (!q)
		return REASON_NO_OBJECT;
	pending_begin(c, &m->hdr, &kind);
	c->session.pending.queue_id = q->id;
	queue_thread_tell(q, QUEUE_TOLD_CLOSE);
	return REQUEST_PENDING;
}

/*
 * FLOW_CLOSE is answered when the flow's rules are gone: its socket may be adopted again, then. And
 * after one more turn, which frees the flow if the client has passed its last completion: so its
 * charge is released before that of the next flow is asked for.
 */
static uint64_t leaving_look(struct queue *q, struct order *o, uint64_t now_ns)
{
	const struct flow *f = flow_find(q, o->request.close.flow_id);
	bool had_turn = o->has_turn;
	(void)now_ns;
	if (f && f->leaving)
		return LOOP_FOREVER;
	if (!f || had_turn || queue_is_closing(q))
		return order_finish(q, o, REASON_NONE);
	o->has_turn = true;
	schedule_now(&q->schedule);
	return LOOP_FOREVER;
}

/*
 * FLOW_CLOSE of a listener is answered when all that it accepted is announced, or, after a second,
 * given up. A listener whose queue closes ends with the queue.
 */
static uint64_t listener_look(struct queue *q, struct order *o, uint64_t now_ns)
{
	struct flow *f = flow_find(q, o->request.close.flow_id);
	if (f && now_ns >= o->until_ns)
		listener_give_up(f);
	if (f)
		flow_attend(f);
	if (f && queue_is_closing(q))
		return LOOP_FOREVER;
	if (f && f->state != FLOW_DEAD)
		return now_ns < o->until_ns ? o->until_ns : now_ns + GIVE_UP_NS;
	o->look = leaving_look;
	return leaving_look(q, o, now_ns);
}

static uint64_t flow_look(struct queue *q, struct order *o, uint64_t now_ns)
{
	const struct msg_flow_close *m = &o->request.close;
	if (o->until_ns)
		return listener_look(q, o, now_ns);
	struct flow *f = flow_find_known(q, m->flow_id);
	if (!f)
		return order_finish(q, o, REASON_NO_OBJECT);
	bool listener = f->listener;
	flow_close(f, m->flags & MSG_CLOSE_ABORT);
	if (!listener) {
		o->look = leaving_look;
		return leaving_look(q, o, now_ns);
	}
	o->until_ns = now_ns + ANNOUNCE_NS;
	return listener_look(q, o, now_ns);
}

uint32_t close_flow(struct client *c, const struct msg_flow_close *m)
{
	if (m->flags & ~MSG_CLOSE_ABORT)
		return REASON_UNKNOWN_FLAG;
	struct queue *q = flow_owner(c, m->flow_id);
	if (!q)
		return REASON_NO_OBJECT;
	struct order *o = order_begin(c, &m->hdr);
	o->look = flow_look;
	o->request.close = *m;
	return order_give(q, o);
}
