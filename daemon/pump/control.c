/* SPDX-License-Identifier: MIT */
#include "daemon/pump/control.h"

#include <sys/epoll.h>

#include "daemon/pump/sandbox.h"

#define CQ_ENTRIES 256

static uint64_t tag(enum control_op op, uint32_t flow_id)
{
	return (uint64_t)op << 32 | flow_id;
}

static void ready(void *owner, uint32_t events)
{
	struct queue *q = owner;
	(void)events;
	q->control_active = true;
}

static int make(struct queue *q)
{
	int r = uring_init_private(&q->control, CQ_ENTRIES, true, false);
	if (r < 0)
		return r;
	r = sandbox_ring(&q->control.io, RESTRICT_OPS);
	if (r == 0)
		r = uring_eventfd(&q->control, false);
	if (r == 0)
		r = uring_enable(&q->control);
	if (r < 0)
		return r;
	q->control_source = (struct source){ready, q};
	return loop_watch(&q->loop, q->control.eventfd, EPOLLIN | EPOLLET, &q->control_source);
}

int control_open(struct queue *q)
{
	int r = q->control.io.ring_fd >= 0 ? 0 : make(q);
	if (r < 0)
		uring_done(&q->control);
	return r;
}

struct io_uring_sqe *control_sqe(struct queue *q, enum control_op op, uint32_t flow_id)
{
	struct io_uring_sqe *sqe = uring_sqe(&q->control);
	sqe->user_data = tag(op, flow_id);
	q->control_active = true;
	return sqe;
}

void control_cancel(struct queue *q, enum control_op op, uint32_t flow_id)
{
	io_uring_prep_cancel64(control_sqe(q, CONTROL_IGNORE, 0), tag(op, flow_id), 0);
}

void control_stop(struct queue *q, enum control_op op, uint32_t flow_id)
{
	uring_stop_one(&q->control, tag(op, flow_id));
	q->control_active = true;
}
