/* SPDX-License-Identifier: MIT */
/* What accept, on the queue's second ring (control.h), came to. */
#ifndef ZCRXD_CONTROL_TURN_H
#define ZCRXD_CONTROL_TURN_H

#include "daemon/pump/model.h"

/*
 * Enters the ring and takes what was completed. False if completions were lost: a connection that
 * was accepted may be among them, and whatever listens stands still.
 */
bool control_turn(struct queue *q);

/*
 * Ends what the ring does, since the queue closes. Connections that were accepted by then are the
 * queue's flows.
 */
void control_let_go(struct queue *q);

#endif
