/* SPDX-License-Identifier: MIT */
/* How a queue is made and ends. Between these it takes turns: turn.h. */
#ifndef ZCRXD_QUEUE_H
#define ZCRXD_QUEUE_H

#include "daemon/pump/model.h"

struct queue_wish {
	struct area *area;
	const struct backend_ops *ops; /* of the backend that is to be opened */
	char why_not[MSG_TEXT_BYTES];  /* why it is no better backend, or "" */
	uint32_t cq_entries, rq_entries, buffer_bytes;
	struct lease *lease; /* of a hardware queue, used up in any case; or NULL */
	bool patient;        /* it may wait for locked memory: uring.h */
};

/*
 * Makes a queue; *ret_channel is the client's end. Returns 0 or a negative errno with *ret_reason
 * set. Any thread may, as long as the client's leaves the area alone; it may block.
 */
int queue_new(struct queue **ret, struct client *c, const struct queue_wish *wish, int *ret_channel,
	      uint32_t *ret_reason);

/* The client's thread takes the queue over. Returns 0, or a negative errno: then discard it. */
int queue_start(struct queue *q);

/* The client's queue of that id, unless it closes; or NULL. */
struct queue *queue_find(struct client *c, uint32_t id);

/* Frees a queue that was never started; may block. */
void queue_discard(struct queue *q);

/* The queue's lease is lost, or some of its rules have changed. */
void queue_look_at_lease(struct queue *q);

/*
 * Of a QUIET queue: has its hardware let go of, which may take a while. True once the queue is
 * GONE, to be freed.
 */
bool queue_ended(struct queue *q);
struct queue *queue_free(struct queue *q);

#endif
