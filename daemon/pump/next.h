/* SPDX-License-Identifier: MIT */
/*
 * How the next broker's link reaches this pump (daemon/link/start.h): by a socket pair, one end of
 * which has the number START_NEXT. For the pump's first thread.
 */
#ifndef ZCRXD_NEXT_H
#define ZCRXD_NEXT_H

#include <stdbool.h>
#include <stdint.h>

struct next {
	int sock;   /* here the link comes in; or -1 */
	int ms;     /* after so long it is tried again to make the pair */
	int64_t at; /* when it is tried (clock.h); INT64_MAX: there is one */
	int spare;  /* is closed when a link comes in: so there is a number for it */
};

/* Makes the pair. To be called while START_NEXT is free. Returns 0 or a negative errno. */
int next_init(struct next *n);

/*
 * Makes the pair. There may be no descriptor left for it, or no memory: then n->at says when it is
 * to be tried again, less and less often. Until then START_NEXT stays in use, by what no broker
 * takes for a link.
 */
void next_try(struct next *n);

/*
 * n->sock is readable: START_LINK becomes the link that came, and another pair is made. Returns
 * false if none could be received.
 */
bool next_take(struct next *n);

/* No broker's link is wanted any more. */
void next_close(struct next *n);

#endif
