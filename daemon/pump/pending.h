/* SPDX-License-Identifier: MIT */
/*
 * The request that cannot be answered at once. A client has at most one: until it is answered no
 * other request of the client's is read. What the request waits for is its kind's business:
 *
 *   QUEUE_OPEN    open.c    a thread of its own that changes a NIC or waits for locked memory
 *   FLOW_HOST     host.c    a connection being made
 *   QUEUE_CLOSE   close.c   the end of the queue
 *   FLOW_CLOSE    close.c   the announcements of what a listener accepted
 */
#ifndef ZCRXD_PENDING_H
#define ZCRXD_PENDING_H

#include "daemon/common/answer.h"
#include "daemon/pump/model.h"

struct pending_kind {
	/*
	 * Calls pending_finish() if what the request waits for has happened. Otherwise returns when
	 * to look again at the latest; LOOP_FOREVER: only an event can change anything.
	 */
	uint64_t (*look)(struct client *c, uint64_t now_ns);

	/* Frees what the request has. The client and all its queues are gone. NULL: nothing. */
	void (*abandon)(struct client *c);
};

/* The request waits from now on; the caller says for what in session.pending. */
void pending_begin(struct client *c, const struct msg_hdr *request,
		   const struct pending_kind *kind);

/* The request is answered as by reply_answer(), or, if the client is gone, not at all. */
void pending_finish(struct client *c, uint32_t reason, const struct answer *a);

/*
 * Looks at the pending request, if there is one. Returns when that is to be done again at the
 * latest: 0 if the request was finished, since its end makes work for others.
 */
uint64_t pending_look(struct client *c, uint64_t now_ns);

/* The client and all its queues are gone, and the request with them. */
void pending_abandon(struct client *c);

#endif
