/* SPDX-License-Identifier: MIT */
/*
 * The connection: one request at a time, and its reply. Between two requests the socket is open and
 * nothing unread lies in it; or it is -1, and the connection is over for good. A reply that is
 * late, malformed or missing ends the connection, since a later reply could not be told from it.
 * The daemon then ends the session and all its queues.
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
	int sock; /* -1: the connection is over */
	uint32_t serial;
	uint64_t area_bytes_most; /* the user's limit, from the reply to HELLO */
	TAILQ_HEAD(, zcrx_area) areas;
	TAILQ_HEAD(, zcrx_queue) queues;
	char error[256];
};

struct request {
	union msg_any m; /* the request; the reply, once it is granted */
	int fd;       /* a descriptor that goes with the request and stays the caller's; -1: none */
	int extra_ms; /* how much longer than usual the daemon may need */
	uint32_t nfds; /* descriptors that must come with the reply, one more with a side buffer */
	int fds[MSG_FDS_MAX];
	/*
	 * Called whenever the descriptor `also` is readable before the reply comes, until it
	 * returns false.
	 */
	bool (*meanwhile)(void *data);
	void *data;
	int also;
	bool missed; /* a flow was granted, as the reply in m says, but its descriptor is lost */
};

enum {
	REQUEST_MS = 30000 /* for so long an answer is waited for */
};

#define NO_MORE_FDS "This process may have no more file descriptors (%m)."

/*
 * The header of a request, from the name of its struct without msg_ and its name in MSG_REQUESTS.
 */
#define REQUEST_HDR(name, NAME)                                       \
	{                                                             \
		.size = sizeof(struct msg_##name), .type = MSG_##NAME \
	}

/*
 * Sends a request and waits for its reply. Returns 0 with the reply in r->m and its descriptors,
 * which are the caller's, in r->fds; or the negative errno of the refusal; or, if the connection
 * ends, -ETIMEDOUT, -ECONNRESET or -EPROTO, and from then on -ENOTCONN. A request that cannot be
 * sent has changed nothing, and its errno is returned. If it was to end something, the connection
 * ends, too: the daemon would keep what the caller takes for gone.
 */
int request(struct zcrx *z, struct request *r);

/*
 * Keeps the sentence for zcrx_error(). In the format %m is the text of the error. Returns the
 * error.
 */
int refuse(struct zcrx *z, int error, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/*
 * Ends the connection, also if another process has its socket, as after fork(2). Does nothing if it
 * is over.
 */
void connection_end(struct zcrx *z);

/* Keeps the sentence and ends the connection. Returns the error. */
int request_over(struct zcrx *z, int error, const char *text);

#endif
