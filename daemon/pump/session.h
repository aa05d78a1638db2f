/* SPDX-License-Identifier: MIT */
/*
 * The control socket of one client: takes requests one at a time, in order, and answers each. Some
 * cannot be answered at once: QUEUE_OPEN, QUEUE_CLOSE (until the memory is quiet), FLOW_HOST's
 * connect, and FLOW_CLOSE of a listener (until what it accepted is announced). While such a one is
 * pending, or a reply could not be sent, no further request is read.
 */
#ifndef ZCRXD_SESSION_H
#define ZCRXD_SESSION_H

#include "daemon/common/answer.h"
#include "daemon/pump/model.h"
#include "proto/reason.h"

/* The socket becomes the session's on success. Returns 0 or a negative errno. */
int session_init(struct client *c, int sock);

/* The client is gone: what is pending is not answered. */
void session_abandon(struct client *c);
void session_done(struct client *c);

/* The pending request is finished: reason 0, and session.reply holds the answer; or a refusal. */
void session_finish(struct client *c, uint32_t reason, const struct answer *a);

/* QUEUE_OPEN is under way; perhaps it is over. */
void session_opening(struct client *c);

/*
 * FLOW_CLOSE of a listener is under way; perhaps it is over. Returns when it will be at the latest,
 * UINT64_MAX: it is.
 */
uint64_t session_closing(struct client *c, uint64_t now_ns);

/* FLOW_HOST's connect for that flow is over. */
void session_connected(struct client *c, uint32_t flow_id, int result);

/* Reads on after a wait for the request rate. */
void session_resume(struct client *c);

#endif
