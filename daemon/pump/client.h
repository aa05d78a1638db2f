/* SPDX-License-Identifier: MIT */
/*
 * The thread that serves a client: it reads requests and answers them, has areas and queues made,
 * and frees them. The queues have threads of their own: queue_thread.h.
 */
#ifndef ZCRXD_CLIENT_H
#define ZCRXD_CLIENT_H

#include "daemon/pump/model.h"

/*
 * Starts a thread for an accepted connection, which owns the socket from then on. Returns 0 or a
 * negative errno; then the socket is still the caller's.
 */
int client_start(struct client **ret, int sock, uint32_t id, const struct client_identity *who,
		 int ended, struct report *report);

/*
 * Asks the thread to end. The client gets QUEUE_LOST of each queue with the sentence `why`, a
 * constant; then the thread writes the eventfd `ended`.
 */
void client_stop(struct client *c, const char *why);

/* Joins a thread that has ended and frees the client. */
void client_free(struct client *c);

#endif
