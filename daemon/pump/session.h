/* SPDX-License-Identifier: MIT */
/*
 * Reads a client's requests from its control socket: one at a time, in order, and each is answered.
 * While one cannot be answered yet (pending.h) or the session is held (reply.h), no further request
 * is read.
 */
#ifndef ZCRXD_SESSION_H
#define ZCRXD_SESSION_H

#include "daemon/pump/model.h"

/* The socket becomes the session's on success. Returns 0 or a negative errno. */
int session_init(struct client *c, int sock);

/* The client is gone: what is pending is not answered. */
void session_abandon(struct client *c);
void session_done(struct client *c);

/* Reads on after a wait for the request rate. */
void session_resume(struct client *c);

#endif
