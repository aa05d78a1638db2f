/* SPDX-License-Identifier: MIT */
/* What accept, on the client's own ring (control.h), came to. */
#ifndef ZCRXD_CONTROL_TURN_H
#define ZCRXD_CONTROL_TURN_H

#include "daemon/pump/model.h"

/*
 * Enters the ring and takes what was completed. False if completions were lost: a connection that
 * was accepted may be among them, and whatever listens stands still.
 */
bool control_turn(struct client *c);

/*
 * Ends what the ring does for a queue that closes. Connections that were accepted by then are the
 * queue's flows.
 */
void control_let_go(struct client *c, struct queue *q);

#endif
