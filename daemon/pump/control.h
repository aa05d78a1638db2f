/* SPDX-License-Identifier: MIT */
/*
 * The client thread's own ring: accepting and cancelling that run here, so that the shared
 * rings carry nothing but receives.
 */
#ifndef ZCRXD_CONTROL_H
#define ZCRXD_CONTROL_H

#include "daemon/pump/model.h"

/* The upper half of user_data; the lower one is the flow's id. */
enum control_op {
	CONTROL_IGNORE,
	CONTROL_ACCEPT
};

/* The next SQE, with its user_data set, for an operation on behalf of a flow. */
struct io_uring_sqe *control_sqe(struct client *c, enum control_op op, uint32_t flow_id);

/* Cancels such an operation; its completion still comes. */
void control_cancel(struct client *c, enum control_op op, uint32_t flow_id);

/* Ends such an operation. Its completion has come by then, if there was memory for it. */
void control_stop(struct client *c, enum control_op op, uint32_t flow_id);

#endif
