/* SPDX-License-Identifier: MIT */
/*
 * A queue's turn: run the kernel's work (only then do completions appear), scan the CQ to its tail,
 * take refills, move the CQ head to where the client says it is, arm what waits, wake the client.
 * That order is safe because nothing but our own enter adds completions.
 */
#ifndef ZCRXD_TURN_H
#define ZCRXD_TURN_H

#include "daemon/pump/model.h"

/* One turn. Afterwards q->schedule says when the next one is. */
void queue_turn(struct queue *q);

#endif
