/* SPDX-License-Identifier: MIT */
/*
 * The connection as everything above sees it: one request at a time and its reply.
 *
 * Invariant: the socket is open, and nothing unread lies in it, or it is -1 and the connection is
 * over for good. A reply that is late, malformed or missing ends it, as no later one could be told
 * from it; the daemon then ends the session and with it all queues.
 */
#ifndef ZCRX_LIB_REQUEST_H
#define ZCRX_LIB_REQUEST_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>

#include "proto/msg.h"

struct zcrx_area;
struct zcrx_queue;

struct zcrx {
	int sock; /* -1: over */
	uint32_t serial;
	uint64_t area_bytes_most; /* of the user, as HELLO was answered */
	TAILQ_HEAD(, zcrx_area) areas;
	TAILQ_HEAD(, zcrx_queue) queues;
	char error[256];
};

struct request {
	union msg_any m; /* the request; after it was granted, the reply */
	int fd;          /* goes with the request and stays the caller's; -1: none */
	int extra_ms;    /* what the daemon may need beyond the usual time */
	uint32_t nfds; /* descriptors that must come with the reply, one more with a side buffer */
	int fds[MSG_FDS_MAX];
	/* Called while this descriptor is readable before the reply comes, until it says false. */
	bool (*meanwhile)(void *data);
	void *data;
	int also;
};

/* The header of a request: its struct's name without msg_, and its name in MSG_REQUESTS. */
#define REQUEST_HDR(name, NAME)                                       \
	{                                                             \
		.size = sizeof(struct msg_##name), .type = MSG_##NAME \
	}

/*
 * Returns 0 with the reply in r->m and its descriptors, now the caller's, in r->fds; or the
 * negative errno of the refusal, or that of the connection's end: -ETIMEDOUT, -ECONNRESET, -EPROTO;
 * later -ENOTCONN.
 */
int request(struct zcrx *z, struct request *r);

/* Keeps the sentence that goes with the error, whose own text is %m. Returns the error. */
int refuse(struct zcrx *z, int error, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/* The same, and the connection is over. */
int request_over(struct zcrx *z, int error, const char *text);

#endif
