/* SPDX-License-Identifier: MIT */
#include "daemon/pump/control_turn.h"

#include <unistd.h>

#include "base/clock.h"
#include "daemon/pump/control.h"
#include "daemon/pump/flows.h"
#include "daemon/pump/listener.h"
#include "daemon/pump/order.h"

static void control_complete(struct queue *q, uint64_t user_data, int result)
{
	enum control_op op = (enum control_op)(user_data >> 32);
	uint32_t id = (uint32_t)user_data;
	if (op != CONTROL_ACCEPT)
		return;
	struct flow *f = flow_find(q, id);
	if (f)
		listener_accepted(f, result);
	else if (result >= 0)
		close(result);
}

static uint32_t control_scan(struct queue *q)
{
	struct io_uring_cqe *cqe;
	uint32_t n = 0;
	while ((cqe = uring_peek(&q->control))) {
		uint64_t user_data = cqe->user_data;
		int result = cqe->res;
		io_uring_cqe_seen(&q->control.io, cqe);
		control_complete(q, user_data, result);
		n++;
	}
	return n;
}

bool control_turn(struct queue *q)
{
	bool lost = uring_enter(&q->control) < 0;
	bool came = control_scan(q) || io_uring_sq_ready(&q->control.io);
	q->control_active = uring_pending(&q->control, came, q->flow_count) || came;
	return !lost;
}

/* At once: the ring's CQ has no room for the completions of all listeners. */
static void listener_let_go(struct queue *q, uint32_t flow_id)
{
	control_stop(q, CONTROL_ACCEPT, flow_id);
	control_scan(q);
}

void control_let_go(struct queue *q)
{
	struct flow *f;
	TAILQ_FOREACH (f, &q->flows, link)
		if (f->listener && f->state == FLOW_ARMED)
			listener_let_go(q, f->id);
	order_look(q, clock_ns()); /* a connection that is being made for it */
}
