/* SPDX-License-Identifier: MIT */
/*
 * The queue's channel: a SOCK_SEQPACKET socketpair. The client gets event messages and one-byte
 * wake-ups by it, and sends kicks. zcrxd's end is in no other process and never blocks.
 *
 * Events are not stored: a flow that has something to tell stands on the queue's news list, and the
 * message is made when there is room for it. At most CHANNEL_SOCKETS sockets lie unread in one
 * (flight.h).
 */
#ifndef ZCRXD_CHANNEL_H
#define ZCRXD_CHANNEL_H

#include <stdint.h>

struct flow;
struct queue;

#define CHANNEL_SOCKETS 8

/*
 * Makes the pair; *ret_client is the client's end. poke: eventfd, borrowed: written when news may
 * go for which the broker was asked. Returns 0 or a negative errno.
 */
int channel_open(struct queue *q, int poke, int *ret_client);

/* The client sees the end of file. Does nothing if it was not opened. */
void channel_close(struct queue *q);

/* The flow has an opening or an end to be told; that is sent at once if possible. */
void channel_tell(struct queue *q, struct flow *f);
void channel_forget(struct queue *q, struct flow *f);

/* Sends the news that waits, as far as there is room. */
void channel_flush(struct queue *q);

/* Sends QUEUE_LOST, the last message. */
void channel_lost(struct queue *q);

/* Wakes the client if it sleeps. */
void channel_wake(struct queue *q);

/* Kicks came, there is room, or the client hung up. */
void channel_ready(void *owner, uint32_t events);

/*
 * Takes kicks, some at a time, and wakes a client that asks for it; if there may be more, q->kicked
 * stays.
 */
void channel_take_kicks(struct queue *q);

#endif
