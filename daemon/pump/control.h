/* SPDX-License-Identifier: MIT */
/*
 * A queue's second ring: accepting and cancelling that run here, so that the shared ring carries
 * nothing but receives. It is made for the first listener.
 */
#ifndef ZCRXD_CONTROL_H
#define ZCRXD_CONTROL_H

#include "daemon/pump/model.h"

/* The upper half of user_data; the lower one is the flow's id. */
enum control_op {
	CONTROL_IGNORE,
	CONTROL_ACCEPT
};

/* Makes the ring, unless it is there. Returns 0 or a negative errno. */
int control_open(struct queue *q);

/* The next SQE, with its user_data set, for an operation on behalf of a flow. */
struct io_uring_sqe *control_sqe(struct queue *q, enum control_op op, uint32_t flow_id);

/* Cancels such an operation; its completion still comes. */
void control_cancel(struct queue *q, enum control_op op, uint32_t flow_id);

/* Ends such an operation. Its completion has come by then, if there was memory for it. */
void control_stop(struct queue *q, enum control_op op, uint32_t flow_id);

#endif
