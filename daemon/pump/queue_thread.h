/* SPDX-License-Identifier: MIT */
/*
 * The thread that serves a queue. Since each queue has one, the queues of a client use several
 * processors, and whatever a client can make blocking (a socket whose lock it holds in a page
 * fault, a close that lingers) blocks one queue.
 *
 * The thread owns the queue, both rings, the flows and their sockets from the beginning of the
 * queue to its end; the kernel lets only the thread that enabled a ring use it. Nobody else touches
 * them, so no turn takes a lock. The client's thread and this one pass each other three things,
 * each announced by an eventfd:
 * - q->order: a request about flows; its answer comes back in it (order.h);
 * - q->told: the queue is to close, or to end since zcrxd stops;
 * - q->thread (work.h): is over when the queue is GONE; then the client's thread frees the queue.
 * The thread of an idle queue sleeps in its loop and is not woken.
 *
 * The thread never waits for the broker, which may be away, while the queue has a flow: its streams
 * would stand still. What a request needs of the broker the client's thread asks for. What else a
 * flow needs is asked for and not waited for: its rules (steer.h), the charge of a connection that
 * may be accepted (operation.c), that of a descriptor in flight (flight.h). q->poke is written when
 * there is an answer.
 *
 * The queues of a client share the table of flow ids (flows.h). Its mutex is taken when a flow is
 * made or dropped. A turn finds its flows in the table without the mutex: slots never move, and
 * each says whose it is.
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

/* Tells the thread to end the queue. Only the first call for a queue does anything. */
void queue_thread_tell(struct queue *q, enum queue_told what);

#endif
