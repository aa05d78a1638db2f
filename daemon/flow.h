/* SPDX-License-Identifier: MIT */
/*
 * A flow: one TCP stream on a queue, or a listening socket whose connections become flows.
 *
 *   OPENING ---> IDLE <---> ARMED ---> ENDED
 *      |          |           |          |
 *      +----------+--- DEAD <-+----------+
 *
 * OPENING: being connected, or not yet announced. ARMED: an operation of the kernel's is under way,
 * and only its last completion leaves this state. ENDED: the stream is over and the socket dropped;
 * the client has yet to close the flow. DEAD: gone for the client; the id stays taken until the CQ
 * holds no completion of it any more.
 */
#ifndef ZCRXD_FLOW_H
#define ZCRXD_FLOW_H

#include <liburing.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>

#include "../proto/msg.h"

struct client;
struct queue;

TAILQ_HEAD(flow_list, flow);

enum flow_state {
	FLOW_OPENING,
	FLOW_IDLE,
	FLOW_ARMED,
	FLOW_ENDED,
	FLOW_DEAD
};

struct flow {
	TAILQ_ENTRY(flow) link;    /* of its queue */
	TAILQ_ENTRY(flow) waiting; /* for buffers, for CQ room, or dead and for the CQ to drain */
	TAILQ_ENTRY(flow) news;    /* to be told to the client */
	struct queue *queue;
	uint32_t id;
	enum flow_state state; /* written atomically: status reads it */
	int sock;
	bool listener, receive_only;
	bool paused; /* likewise */
	bool closing, abort, cancelling;
	struct flow_list *waits_on; /* the queue's list that `waiting` is linked in */
	bool is_news;
	uint64_t cookie; /* SO_COOKIE: the socket's identity */
	struct msg_addr local, remote;
	uint32_t listener_id;   /* of an accepted flow */
	struct flow *accepting; /* a listener's next flow, charged before it is accepted */
	int error;              /* of the end */
	uint32_t reason;
	uint32_t end; /* CQ position */
	uint64_t bytes;
};

/*
 * Makes a flow in state OPENING with a fresh id, charged to the client; it owns sock. It is the
 * caller's until flow_open(). Returns 0, -EDQUOT or -ENOMEM (sock stays the caller's).
 */
int flow_new(struct flow **ret, struct queue *q, int sock);

/* Undoes flow_new(), with the socket. */
void flow_discard(struct flow *f);

/* Puts a flow that nothing need be told of among its queue's and starts it. */
void flow_open(struct flow *f);

/* The client knows of it: receiving may begin. */
void flow_announced(struct flow *f);

void flow_pause(struct flow *f, bool on);

/*
 * Ends the flow for the client. A listener takes along what the client was not told of yet: after
 * the reply no FLOW_OPENED of it follows.
 */
void flow_close(struct flow *f, bool abort);

/* Takes a flow from its queue and frees it. */
void flow_free(struct flow *f);

struct flow *flow_find(struct client *c, uint32_t id);

/* Does whatever the flow's state and wishes (paused, closing) ask for next. */
void flow_attend(struct flow *f);

/* A completion on the queue's ring, and one on the client's control ring. */
void flow_received(struct flow *f, const struct io_uring_cqe *cqe);
void flow_accepted(struct flow *listener, int result);

/* Starts the operation; for flows that waited. */
void flow_arm(struct flow *f);

/* Ends the stream towards the client: FLOW_CLOSED follows. */
void flow_end(struct flow *f, int error, uint32_t reason);

static inline enum flow_state flow_state(const struct flow *f)
{
	return __atomic_load_n(&f->state, __ATOMIC_RELAXED);
}

static inline bool flow_is_paused(const struct flow *f)
{
	return __atomic_load_n(&f->paused, __ATOMIC_RELAXED);
}

#endif
