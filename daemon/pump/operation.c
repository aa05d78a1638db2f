/* SPDX-License-Identifier: MIT */
#include "daemon/pump/operation.h"

#include <errno.h>

#include "daemon/pump/control.h"
#include "daemon/pump/flows.h"

void operation_cancel(struct flow *f)
{
	struct queue *q = f->queue;
	f->cancelling = true;
	if (f->listener) {
		control_cancel(q, CONTROL_ACCEPT, f->id);
		return;
	}
	struct io_uring_sqe *sqe = uring_sqe(&q->ring);
	io_uring_prep_cancel64(sqe, f->id, 0);
	sqe->flags |= IOSQE_CQE_SKIP_SUCCESS;
	sqe->user_data = OPERATION_CANCEL | f->id;
	schedule_now(&q->schedule);
}

/* Makes the flow that the next connection becomes. */
static int accepting_make(struct flow *f)
{
	struct ahead *a = &f->queue->flows_ahead;
	int r = f->accepting ? 0 : ahead_want(a, 1, 1);
	if (r < 0 || f->accepting)
		return r;
	r = flow_make(&f->accepting, f->queue, -1);
	a->charged -= r == 0;
	return r;
}

void operation_accept(struct flow *f)
{
	struct queue *q = f->queue;
	int r = accepting_make(f);
	/* What is refused is tried again, and not told. */
	if (r < 0) {
		q->listeners_ask |= r == -EINPROGRESS;
		q->retry |= r != -EINPROGRESS;
		return;
	}
	/* Connections beyond those that the client was told of wait in the kernel's backlog. */
	if (!TAILQ_EMPTY(&q->news)) {
		q->listeners_wait = true;
		return;
	}
	if (flow_watch(f, FLOW_WAIT_CONTROL) < 0) {
		q->retry = true;
		return;
	}
	io_uring_prep_accept(control_sqe(q, CONTROL_ACCEPT, f->id), f->sock, NULL, NULL,
			     SOCK_CLOEXEC);
	flows_set_state(f, FLOW_ARMED);
}

int operation_receive(struct flow *f)
{
	struct queue *q = f->queue;
	const struct backend_ops *ops = q->backend->ops;
	if (flow_watch(f, FLOW_WAIT_DATA) < 0 ||
	    (ops->loans && !f->stream &&
	     ops->loans->join(q->backend, &f->stream, f->sock, f->id) < 0))
		return -ENOMEM;
	f->draining = f->drain;
	f->drain = false;
	(f->draining ? ops->drain : ops->arm)(q->backend, f->sock, f->id);
	flows_set_state(f, FLOW_ARMED);
	schedule_now(&q->schedule);
	return 0;
}
