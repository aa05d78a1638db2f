/* SPDX-License-Identifier: MIT */
/* A queue: its rings, its channel, its flows, and the library's own state. */
#ifndef ZCRX_LIB_QUEUE_H
#define ZCRX_LIB_QUEUE_H

#include "lib/flows.h"
#include "lib/rings.h"

struct zcrx;
struct zcrx_area;

struct zcrx_queue {
	struct zcrx *z;
	struct zcrx_area *area;
	TAILQ_ENTRY(zcrx_queue) link; /* in z->queues */
	uint32_t id;
	int lost; /* 0, or the negative errno that every reap returns from now on */

	struct rings rings;
	uint32_t format; /* enum msg_format */
	uint32_t buffer_bytes;
	size_t buffers;
	uint32_t out; /* data completions that the user holds, at most as many as the RQ has entries
		       */

	struct flows flows;

	int channel;
	uint32_t full_at; /* the refill index when the daemon was last told that there is no room */
	bool armed;       /* the wake word was set and not taken back */
	bool look;        /* the channel may hold more than the announced events */
	uint32_t events_seen; /* ring_daemon.events when the channel was last found empty */

	uint32_t backend, ifindex, rxq;
	char why_not[MSG_TEXT_BYTES], why_lost[MSG_TEXT_BYTES];
};

/* Frees the library's side of the queue and its flows. */
void queue_release(struct zcrx_queue *q);

/* Marks the queue lost. The first error stays. If the channel may be asleep: channel_lose(). */
static inline void queue_lose(struct zcrx_queue *q, int error)
{
	if (!q->lost)
		q->lost = error;
}

#endif
