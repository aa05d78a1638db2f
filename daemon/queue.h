/* SPDX-License-Identifier: MIT */
/*
 * A queue: one io_uring that receives into one area for one client.
 *
 * A turn: run the kernel's work (only then do completions appear), scan the CQ to its tail, take
 * refills, move the CQ head to where the client says it is, arm what waits, wake the client. That
 * order is safe because nothing but our own enter adds completions.
 */
#ifndef ZCRXD_QUEUE_H
#define ZCRXD_QUEUE_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>

#include "backend.h"
#include "flow.h"
#include "loop.h"
#include "pace.h"
#include "rings.h"

struct area;
struct client;

struct queue {
	TAILQ_ENTRY(queue) link;
	struct client *client;
	uint32_t id;
	struct area *area;
	const struct backend *backend;
	void *buffers; /* the backend's */
	uint32_t buffer_bytes;
	uint64_t cost;       /* bytes charged for the rings */
	const char *why_not; /* why no better backend was given, "" */
	struct uring ring;
	struct rings rings;
	uint32_t head, scanned; /* CQ: given back to the kernel, seen by us */
	uint32_t kick;          /* last value of the kick word */

	int channel;
	uint32_t sockets_unread; /* sent on it, at most */
	struct source channel_source, ring_source;
	struct flow_list flows, waiting, dead, news;
	int lost; /* error to tell the client, then it closes */
	uint32_t lost_reason;
	bool listeners_wait; /* for the news to be told: then they accept again */
	struct pace pace;
	uint64_t due_ns; /* not before then; 0: at once */
	bool active;     /* has work: takes turns until it has none */
	bool closing;    /* flows are being ended; when none is left the queue is gone */
	bool reply;      /* ... and QUEUE_CLOSE is to be answered */
};

struct queue_wish {
	struct area *area;
	const struct backend *backend;
	uint32_t cq_entries, rq_entries, buffer_bytes;
};

/*
 * Opens a queue; *ret_channel is the client's end. Returns 0 or a negative errno with *ret_reason
 * set.
 */
int queue_new(struct queue **ret, struct client *c, const struct queue_wish *wish, int *ret_channel,
	      uint32_t *ret_reason);

/* Ends all flows; queue_turn() frees the queue when they are gone. */
void queue_close(struct queue *q);

/* Tells the client QUEUE_LOST, then closes. */
void queue_lose(struct queue *q, int error, uint32_t reason);

/* Is the queue closing with no flow left? Then the caller frees it. */
bool queue_quiet(const struct queue *q);
struct queue *queue_free(struct queue *q);

/* One turn. Afterwards q->active says whether there is more to do at once. */
void queue_turn(struct queue *q);

/* Lets idle listeners accept again. */
void queue_listen(struct queue *q);

/*
 * The flow waits: to be armed as soon as there are buffers and room in the CQ, or, dead, to be
 * freed once the client has consumed what the CQ holds of it.
 */
void queue_wait(struct queue *q, struct flow *f);
void queue_forget(struct queue *q, struct flow *f);

#endif
