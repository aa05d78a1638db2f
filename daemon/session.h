/* SPDX-License-Identifier: MIT */
/*
 * The control socket of one client: takes requests one at a time, in order, and answers each. Only
 * two cannot be answered at once: QUEUE_CLOSE (until the memory is quiet) and FLOW_HOST's connect.
 * While such a one is pending, or a reply could not be sent, no further request is read.
 */
#ifndef ZCRXD_SESSION_H
#define ZCRXD_SESSION_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>

#include <liburing.h>

#include "../proto/msg.h"
#include "../proto/reason.h"
#include "loop.h"
#include "request.h"

struct client;
struct flow;

struct session {
	int sock;
	struct source source;
	enum msg_state state;
	char name[32];           /* read by others under the client's lock */
	struct msg_hdr pending;  /* type != 0: this request is under way */
	struct flow *connecting; /* FLOW_HOST's, with what its operations point to */
	struct sockaddr_storage connect_to;
	struct __kernel_timespec connect_time;
	union msg_any reply; /* being made, or waiting for room (reply_waits) */
	int reply_fds[MSG_FDS_MAX];
	bool reply_waits;
	uint32_t refusals;             /* so far; only the first ones are logged */
	uint64_t credit, credit_at_ns; /* request rate: requests left, and since when */
};

/* The socket becomes the session's on success. Returns 0 or a negative errno. */
int session_init(struct client *c, int sock);

/* Tells the client why it cannot be served, before it said HELLO. */
void session_refuse(int sock, uint32_t reason);

/* The client is gone: what is pending is cancelled and not answered. */
void session_abandon(struct client *c);
void session_done(struct client *c);

/* The pending request is finished: reason 0, and session.reply holds the answer; or a refusal. */
void session_finish(struct client *c, uint32_t reason, const struct answer *a);

/* Reads on after a wait for the request rate. */
void session_resume(struct client *c);

#endif
