/* SPDX-License-Identifier: MIT */
/*
 * A request about flows, carried out by the thread of the queue that has them. A client has at most
 * one, since it is the client's pending request. The client's thread fills it in, gives it, and
 * leaves it alone until it is over; what is known to be wrong it refuses by itself.
 *
 * The queue's thread takes the order when its eventfd wakes it, and looks at it in each turn until
 * it is over. A queue takes an order for the last time when it is QUIET: an order that comes later
 * is refused by the client's thread. So each is answered, and none waits for hardware.
 */
#ifndef ZCRXD_ORDER_H
#define ZCRXD_ORDER_H

#include "daemon/common/answer.h"
#include "daemon/pump/model.h"

/* ---- on the client's thread ---- */

/* The request waits for its order, which is blank. */
struct order *order_begin(struct client *c, const struct msg_hdr *request);

/*
 * Gives it to the queue's thread, which calls o->look() until that calls order_finish(). look()
 * returns when it is to be called again at the latest. Returns REQUEST_PENDING.
 */
uint32_t order_give(struct queue *q, struct order *o);

/* ---- on the queue's thread ---- */

/* Takes the order that was given, if one was. */
void order_take(struct queue *q);

/* Looks at the order that was taken. Returns when to look again; LOOP_FOREVER: there is none. */
uint64_t order_look(struct queue *q, uint64_t now_ns);

/* The order is over, and o->answer is its answer; a socket in o->sock is dropped. Returns 0. */
uint64_t order_finish(struct queue *q, struct order *o, uint32_t reason);

#endif
