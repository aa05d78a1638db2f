/* SPDX-License-Identifier: MIT */
#include "daemon/pump/control_turn.h"

#include <unistd.h>

#include "base/clock.h"
#include "daemon/pump/control.h"
#include "daemon/pump/flows.h"
#include "daemon/pump/listener.h"
#include "daemon/pump/pending.h"

static void control_complete(struct client *c, uint64_t user_data, int result)
{
	enum control_op op = (enum control_op)(user_data >> 32);
	uint32_t id = (uint32_t)user_data;
	if (op != CONTROL_ACCEPT)
		return;
	struct flow *f = flow_find(c, id);
	if (f)
		listener_accepted(f, result);
	else if (result >= 0)
		close(result);
}

static uint32_t control_scan(struct client *c)
{
	struct io_uring_cqe *cqe;
	uint32_t n = 0;
	while ((cqe = uring_peek(&c->control))) {
		uint64_t user_data = cqe->user_data;
		int result = cqe->res;
		io_uring_cqe_seen(&c->control.io, cqe);
		control_complete(c, user_data, result);
		n++;
	}
	return n;
}

bool control_turn(struct client *c)
{
	bool lost = uring_enter(&c->control) < 0;
	bool came = control_scan(c) || io_uring_sq_ready(&c->control.io);
	c->control_active = uring_pending(&c->control, came, c->slot_count) || came;
	return !lost;
}

/* At once: the ring's CQ has no room for the completions of all listeners. */
static void listener_let_go(struct client *c, uint32_t flow_id)
{
	control_stop(c, CONTROL_ACCEPT, flow_id);
	control_scan(c);
}

void control_let_go(struct client *c, struct queue *q)
{
	struct flow *f;
	TAILQ_FOREACH (f, &q->flows, link)
		if (f->listener && f->state == FLOW_ARMED)
			listener_let_go(c, f->id);
	pending_look(c, clock_ns()); /* a connection that is being made for it */
}
