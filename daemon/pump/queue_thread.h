/* SPDX-License-Identifier: MIT */
/*
 * The thread that serves a queue: so the queues of a client use several processors, and whatever a
 * client can make blocking (a socket whose lock it holds in a page fault, a close that lingers)
 * blocks one queue.
 *
 * It owns the queue, both rings, the flows and their sockets from the beginning of the queue to its
 * end; a ring may be used by the thread only that enabled it. Nobody else touches them, so no turn
 * takes a lock. The client's thread and this one say three things to each other:
 *   an order       a request about flows, and its answer (order.h)
 *   told           to close, or to end since zcrxd stops
 *   thread         work.h: is over when the queue is GONE; then the client's thread frees the queue
 * by an eventfd in each direction. An idle queue's thread sleeps in its loop and is not woken.
 *
 * The queues of a client share the table of flow ids (flows.h) under a mutex that is taken when a
 * flow is made or dropped. A turn finds its flows in the table without it: slots never move, and
 * each slot says whose it is.
 */
#ifndef ZCRXD_QUEUE_THREAD_H
#define ZCRXD_QUEUE_THREAD_H

#include "daemon/pump/model.h"

/* Starts it for a queue that queue_show() showed. Returns 0 or a negative errno. */
int queue_thread_start(struct queue *q);

/*
 * Has the thread begun? 1: the queue is RUNNING, or was. A negative errno: it could not, and the
 * thread is over. 0: it is not known yet; the client is poked when it is.
 */
int queue_thread_started(struct queue *q);

/* Tells the thread to end the queue. What it was told first counts. */
void queue_thread_tell(struct queue *q, enum queue_told what);

#endif
