/* SPDX-License-Identifier: MIT */
/*
 * Connections that are refused. A client may have sent descriptors before it was refused (before
 * Linux 6.16). Closing its connection closes these too, and one that lingers makes the close wait
 * for as long as the client likes. So each refused connection by which descriptors can have come is
 * closed by a thread of its own. A listening socket has at most 64 such threads; then nobody is
 * accepted there until one ends. Other listening sockets go on. For the control thread only.
 */
#ifndef ZCRXD_REFUSAL_H
#define ZCRXD_REFUSAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/queue.h>

struct refusals {
	TAILQ_HEAD(, refusal) all;
	int wake; /* eventfd, borrowed: written to when a thread ends */
};

void refusals_init(struct refusals *r, int wake);

/*
 * Refuses a connection with a message and closes it. Takes the descriptor over. text: a
 * sentence more exact than the reason's, or "". socket: the listening socket it came by: the name
 * of a class, "" for the shared one, or "status". unavoidable: the connection does not count
 * towards the 64 (listening_was_open() says why there are only few).
 */
void refusals_add(struct refusals *r, int sock, const char *socket, uint32_t reason,
		  const char *text, bool unavoidable);

/* Closes a connection without a message, at once if no descriptor can have come by it. */
void refusals_hang_up(struct refusals *r, int sock, const char *socket, bool unavoidable);

/* Has this listening socket as many refused connections as it may? */
bool refusals_full(const struct refusals *r, const char *socket);

/* Joins the threads that have ended. Returns whether there were any. */
bool refusals_reap(struct refusals *r);

static inline bool refusals_any(const struct refusals *r)
{
	return !TAILQ_EMPTY(&r->all);
}

#endif
