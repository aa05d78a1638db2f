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
	int poke;     /* eventfd that wakes the queue's thread; the queue's, once it is made */
	char *why;    /* room for ATTACH_WHY_BYTES, "" before: a sentence for an error; or NULL */
	bool patient; /* it may wait for locked memory: uring.h */
};

/*
 * Makes a queue; *ret_channel is the client's end. Returns 0 or a negative errno with *ret_reason
 * set. Any thread may, as long as the client's leaves the area alone; it may block.
 */
int queue_new(struct queue **ret, struct client *c, const struct queue_wish *wish, int *ret_channel,
	      uint32_t *ret_reason);

/* The queue becomes one of the client's, and gets its id. Returns 0; or -EMLINK, if the
 * client has REPORT_QUEUES_MAX: then free it. */
int queue_show(struct queue *q);

/* The thread that is to run it takes the queue over. Returns 0 or a negative errno. */
int queue_start(struct queue *q);

/* The client's queue of that id, unless it closes; or NULL. */
struct queue *queue_find(struct client *c, uint32_t id);

/* The queue's lease is lost, or some of its rules have changed. */
void queue_look_at_lease(struct queue *q);

/* On its thread, of a QUIET queue: lets its rings and its hardware go, which may take a while. */
void queue_end(struct queue *q);

/* Frees a queue that is GONE, or that was never started; then it may block. */
void queue_free(struct queue *q);

#endif
