/* SPDX-License-Identifier: MIT */
/*
 * The queue's channel: events and wake-up bytes from the daemon, kicks to it, and going to sleep.
 *
 * It costs a system call to look at, so nobody does without a reason: events are announced in the
 * daemon page, and a wake-up byte can only lie there when the wake word was set. All failures of
 * the channel are the loss of the queue. Its descriptor stays readable then, so that the user who
 * sleeps learns of it.
 */
#ifndef ZCRX_LIB_CHANNEL_H
#define ZCRX_LIB_CHANNEL_H

#include "lib/queue.h"

/* Has the daemon announced events that were not read yet? */
static inline bool channel_pending(const struct zcrx_queue *q)
{
	return ring_load(&q->rings.daemon->events) != q->events_seen;
}

/* Reads the channel until it is empty and carries out the events. */
void channel_read(struct zcrx_queue *q);

/*
 * Sets the wake word: from now on the channel becomes readable when there is work. The caller looks
 * for work once more before it sleeps, and calls channel_disarm() if it finds some.
 */
void channel_arm(struct zcrx_queue *q);
void channel_disarm(struct zcrx_queue *q);

/*
 * Sleeps until the channel, which is armed, is readable or the daemon has woken this thread without
 * it, until that time (base/clock.h) at most. Returns 1, 0 if the time is up, or a negative errno.
 */
int channel_sleep(struct zcrx_queue *q, int64_t until);

/* Sends the daemon a byte, since it waits for what was just published. */
void channel_kick(struct zcrx_queue *q);

/* Asks the daemon for a wake-up, though it has nothing new. The channel is armed. */
void channel_ask(struct zcrx_queue *q);

/* Marks the queue lost; the daemon learns of it, too, and ends the queue. */
void channel_lose(struct zcrx_queue *q, int error);

#endif
