/* SPDX-License-Identifier: MIT */
#include "daemon/pump/control.h"

static uint64_t tag(enum control_op op, uint32_t flow_id)
{
	return (uint64_t)op << 32 | flow_id;
}

struct io_uring_sqe *control_sqe(struct client *c, enum control_op op, uint32_t flow_id)
{
	struct io_uring_sqe *sqe = uring_sqe(&c->control);
	sqe->user_data = tag(op, flow_id);
	c->control_active = true;
	return sqe;
}

void control_cancel(struct client *c, enum control_op op, uint32_t flow_id)
{
	io_uring_prep_cancel64(control_sqe(c, CONTROL_IGNORE, 0), tag(op, flow_id), 0);
}

void control_stop(struct client *c, enum control_op op, uint32_t flow_id)
{
	uring_stop_one(&c->control, tag(op, flow_id));
	c->control_active = true;
}
