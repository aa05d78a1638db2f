/* SPDX-License-Identifier: MIT */
/*
 * An order: a request about flows, which the thread of the queue that has these flows carries out.
 * A client has one order at most, since it is the client's pending request. The client's thread
 * refuses by itself what it knows to be wrong, and asks the broker for what an order needs: the
 * queue's thread does not wait for that. Then it fills the order in, gives it to the queue's
 * thread, and does not touch it until it is over.
 *
 * The queue's thread takes the order when its eventfd wakes it, and looks at it in each turn until
 * it is over. It takes orders for the last time when the queue is QUIET; an order that comes later
 * the client's thread refuses. So each order is answered, also while the kernel takes its time to
 * let go of the queue's hardware.
 */
#ifndef ZCRXD_ORDER_H
#define ZCRXD_ORDER_H

#include "daemon/common/answer.h"
#include "daemon/pump/model.h"

/* ---- on the client's thread ---- */

/* Makes the client's pending request one that waits for an order. Returns the order, blank. */
struct order *order_begin(struct client *c, const struct msg_hdr *request);

/*
 * Gives the order to the queue's thread, which calls o->look() until that calls order_finish().
 * look() returns the time at which it is to be called again at the latest. Returns REQUEST_PENDING.
 */
uint32_t order_give(struct queue *q, struct order *o);

/* ---- on the queue's thread ---- */

/* Takes the order that was given, if one was. */
void order_take(struct queue *q);

/* Looks at the order that was taken. Returns when to look again; LOOP_FOREVER: there is none. */
uint64_t order_look(struct queue *q, uint64_t now_ns);

/*
 * The order is over, and o->answer is its answer; a flow in o->flow is discarded, and what is still
 * being connected ends. Returns 0.
 */
uint64_t order_finish(struct queue *q, struct order *o, uint32_t reason);

#endif
