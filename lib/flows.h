/* SPDX-License-Identifier: MIT */
/*
 * The flows of one queue: a table by id, and the two lines of flows that wait to be shown to the
 * user. Opening flows wait to be shown as ZCRX_OPEN. Ending flows wait until all their data is
 * taken, and are then shown as ZCRX_END. A flow's state only moves forward. Nothing of a flow is
 * shown before its ZCRX_OPEN or after its ZCRX_END.
 */
#ifndef ZCRX_LIB_FLOWS_H
#define ZCRX_LIB_FLOWS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/queue.h>

#include "proto/flow_id.h"
#include "proto/msg.h"

struct zcrx_queue;

enum flow_state {
	FLOW_OPENING = 1,
	FLOW_LIVE,
	FLOW_ENDING,
	FLOW_ENDED,
};

struct zcrx_flow {
	struct zcrx_queue *queue;
	TAILQ_ENTRY(zcrx_flow) link; /* in the line that its state belongs to */
	uint32_t id;                 /* proto/flow_id.h */
	uint32_t listener_id;        /* 0: no listener accepted it */
	enum flow_state state;
	bool listens;
	bool closed;     /* the daemon said so: error and cq_pos are set */
	bool sock_owned; /* the socket is closed with the flow */
	int sock;        /* -1: none */
	int32_t error;
	uint32_t cq_pos;
	void *user;
	struct msg_addr local, remote;
};

TAILQ_HEAD(flow_line, zcrx_flow);

struct flows {
	struct zcrx_flow **at; /* the flows by the index in their ids; NULL: none */
	uint32_t room;
	struct flow_line opening, ending;
};

void flows_init(struct flows *t);
/* Frees all flows, closing the sockets they own. */
void flows_done(struct flows *t);

/*
 * Adds a flow, which then belongs to the table. Returns 0, -EEXIST if its id is 0 or the index is
 * taken, or -ENOMEM.
 */
int flows_add(struct flows *t, struct zcrx_flow *f, enum flow_state state);

/* Moves a flow on to a later state. */
void flows_advance(struct flows *t, struct zcrx_flow *f, enum flow_state state);

/* Takes a flow out and frees it, closing the socket it owns. */
void flows_remove(struct flows *t, struct zcrx_flow *f);

/* Frees a flow that was never added. NULL is fine. */
void flow_free(struct zcrx_flow *f);

/* Finds a flow by its id. Returns NULL if there is none, or none any more. */
static inline struct zcrx_flow *flows_find(const struct flows *t, uint64_t id)
{
	uint32_t index = flow_id_index((uint32_t)id);
	struct zcrx_flow *f = index < t->room ? t->at[index] : NULL;
	return f && f->id == id ? f : NULL;
}

#endif
