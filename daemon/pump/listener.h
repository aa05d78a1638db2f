/* SPDX-License-Identifier: MIT */
/* Listening sockets: what they accept becomes flows, which are announced one after the other. */
#ifndef ZCRXD_LISTENER_H
#define ZCRXD_LISTENER_H

#include "daemon/pump/model.h"

/* The listener's accept is over: result is the connection's socket or a negative errno. */
void listener_accepted(struct flow *listener, int result);

/* Resets the connections that the client was not told of yet. */
void listener_give_up(struct flow *listener);

/* Lets the queue's idle listeners accept again. */
void listener_go_on(struct queue *q);

#endif
