/* SPDX-License-Identifier: MIT */
#include "daemon/pump/order.h"

#include <sys/eventfd.h>

#include "daemon/grant/hosted.h"
#include "daemon/pump/flows.h"
#include "daemon/pump/judge.h"
#include "daemon/pump/life.h"
#include "daemon/pump/pending.h"
#include "daemon/pump/reply.h"
#include "proto/reason.h"

static uint64_t answered(struct client *c, uint64_t now_ns)
{
	const struct order *o = &c->session.pending.order;
	(void)now_ns;
	if (!__atomic_load_n(&o->is_over, __ATOMIC_ACQUIRE))
		return LOOP_FOREVER;
	struct answer a = o->answer;
	pending_finish(c, o->reason, &a);
	return 0;
}

struct order *order_begin(struct client *c, const struct msg_hdr *request)
{
	/* There is nothing to abandon: a client ends after its queues, when its order is over. */
	static const struct pending_kind kind = {.look = answered};
	struct order *o = &c->session.pending.order;
	pending_begin(c, request, &kind);
	*o = (struct order){.answer = reply_begin(c)};
	return o;
}

static void over(struct order *o, uint32_t reason)
{
	hosted_free(o->hosted);
	if (o->flow)
		flow_discard(o->flow);
	o->reason = reason;
	__atomic_store_n(&o->is_over, true, __ATOMIC_RELEASE);
}

uint32_t order_give(struct queue *q, struct order *o)
{
	struct order *given = o;
	__atomic_store_n(&q->order, o, __ATOMIC_SEQ_CST);
	/* Either this sees that the queue is QUIET, or the queue's thread sees the order. */
	if (life_of(q) >= LIFE_QUIET &&
	    __atomic_compare_exchange_n(&q->order, &given, NULL, false, __ATOMIC_SEQ_CST,
					__ATOMIC_SEQ_CST))
		over(o, REASON_NO_OBJECT);
	else
		eventfd_write(q->poke, 1);
	return REQUEST_PENDING;
}

void order_take(struct queue *q)
{
	struct order *o = __atomic_exchange_n(&q->order, NULL, __ATOMIC_SEQ_CST);
	if (!o)
		return;
	judge_update(q->client, &q->judged);
	q->taken = o;
}

uint64_t order_look(struct queue *q, uint64_t now_ns)
{
	return q->taken ? q->taken->look(q, q->taken, now_ns) : LOOP_FOREVER;
}

uint64_t order_finish(struct queue *q, struct order *o, uint32_t reason)
{
	q->taken = NULL;
	over(o, reason);
	eventfd_write(q->client->poke, 1);
	return 0;
}
