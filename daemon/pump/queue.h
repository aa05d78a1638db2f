/* SPDX-License-Identifier: MIT */
/* A queue's life: one io_uring that receives into one area for one client. turn.h has its days. */
#ifndef ZCRXD_QUEUE_H
#define ZCRXD_QUEUE_H

#include "daemon/pump/model.h"

struct queue_wish {
	struct area *area;
	const struct backend_ops *ops; /* of the backend that is to be opened */
	char why_not[MSG_TEXT_BYTES];  /* why no better one, "" */
	uint32_t cq_entries, rq_entries, buffer_bytes;
	struct lease *lease; /* of a hardware queue, used up in any case; or NULL */
	bool patient;        /* it may wait for locked memory: uring.h */
};

/*
 * Makes a queue; *ret_channel is the client's end. Returns 0 or a negative errno with *ret_reason
 * set. Any thread may, as long as the client's has nothing to do with the area; it may block.
 */
int queue_new(struct queue **ret, struct client *c, const struct queue_wish *wish, int *ret_channel,
	      uint32_t *ret_reason);

/* The client's thread takes it over. Returns 0 or a negative errno; then it is to be discarded. */
int queue_start(struct queue *q);

/* The client's queue of that id, unless it closes; or NULL. */
struct queue *queue_find(struct client *c, uint32_t id);

/* Frees a queue that was never started; may block. */
void queue_discard(struct queue *q);

/* There is news of its lease. */
void queue_look_at_lease(struct queue *q);

/*
 * Of a QUIET queue: has its hardware let go of, which may take a while. True once the queue is
 * GONE, to be freed.
 */
bool queue_ended(struct queue *q);
struct queue *queue_free(struct queue *q);

#endif
