/* SPDX-License-Identifier: MIT */
/*
 * Whose packets end the wait of a queue whose traffic gathers (pace.h).
 *
 * A packet of a dense stream is what the wait is for, and no reason to end it; a packet of any
 * other flow is. So the sockets of flows that bring much are *hushed*: they stay in the thread's
 * epoll set, but for no event. One of them is the *leader*: its low-water mark (SO_RCVLOWAT) is
 * raised to its share of a batch, or to half of its receive window if that is less. The kernel
 * wakes the thread when so much is there, or the window is nearly closed (net/ipv4/tcp.c:
 * tcp_epollin_ready()). So a wait is as long as the batch takes, whatever the rate and the window;
 * the time that pace.h allows only ends it if the stream falls back.
 *
 * With the mark a receive of the leader's is not woken before it, either. So if the leader does not
 * end the wait in time its mark goes before the next turn.
 */
#ifndef ZCRXD_GATHER_H
#define ZCRXD_GATHER_H

#include <sys/epoll.h>

#include "daemon/pump/model.h"

/* What the socket of a flow that is not hushed is watched for. */
#define GATHER_EVENTS (EPOLLET | EPOLLIN | EPOLLRDHUP)

void gather_init(struct queue *q);

/* A turn begins. If the leader's time is over, what it has can be received in this turn. */
void gather_turn(struct queue *q, uint64_t now_ns);

/* In this turn the flow brought so many bytes, beside those that were noted already. */
void gather_note(struct flow *f, uint64_t bytes);

/* The turn ends with a wait: chooses the leader. Returns until when the wait may last. */
uint64_t gather_begin(struct queue *q, uint64_t now_ns);

/* No wait follows: each socket wakes the thread again. */
void gather_stop(struct queue *q);

/* The flow's socket is to be watched no more: it is neither hushed nor the leader. */
void gather_forget(struct flow *f);

#endif
