/* SPDX-License-Identifier: MIT */
/*
 * Connections that are turned away. Closing one drops what the client sent unasked, and a lingering
 * socket among that makes the close wait for as long as the client likes: so it is a thread of its
 * own that waits. Each listening socket has so many at once; then the broker accepts nobody there
 * until one is over, and others' sockets do not notice. Of the control thread.
 */
#ifndef ZCRXD_REFUSAL_H
#define ZCRXD_REFUSAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/queue.h>

struct refusals {
	TAILQ_HEAD(, refusal) all;
	int wake; /* eventfd, borrowed: one is over */
};

void refusals_init(struct refusals *r, int wake);

/*
 * Takes over the descriptor. socket: whose listening socket: a class's, "" the shared one, or
 * "status". unavoidable: it does not count, for there are only so many of its kind:
 * listening_was_open().
 */
void refusals_add(struct refusals *r, int sock, const char *socket, uint32_t reason,
		  bool unavoidable);

/* The same without a word; at once where no descriptor can have come. */
void refusals_hang_up(struct refusals *r, int sock, const char *socket, bool unavoidable);

/* Has this listening socket as many as it may? */
bool refusals_full(const struct refusals *r, const char *socket);

/* Forgets those that are over; returns whether there were any. */
bool refusals_reap(struct refusals *r);

static inline bool refusals_any(const struct refusals *r)
{
	return !TAILQ_EMPTY(&r->all);
}

#endif
