/* SPDX-License-Identifier: MIT */
/*
 * Everything that zcrx-cat waits for goes through here, because two things end any waiting: SIGINT
 * or SIGTERM, and the time given by -t. A second signal ends the program at once, whatever it is
 * doing.
 */
#ifndef CAT_WAITER_H
#define CAT_WAITER_H

#include <stdint.h>

struct waiter {
	uint64_t deadline_ns; /* monotonic; UINT64_MAX: none */
};

/*
 * Installs the signal handlers, and sets the deadline in so many seconds; 0: none. Returns 0 or a
 * negative errno.
 */
int waiter_init(struct waiter *w, unsigned seconds);

/* Returns 0, -ECANCELED after a signal, or -ETIME once the time is up. */
int waiter_check(const struct waiter *w);

/* Returns the number of the signal that came, or 0. */
int waiter_signal(void);

/*
 * Waits for events (poll(2)) on a descriptor, at most ms milliseconds; -1: without limit. Returns 1
 * if there are events, 0 if the milliseconds are over, or what waiter_check() returns.
 */
int waiter_poll(const struct waiter *w, int fd, short events, int ms);

/* The same for POLLIN on either of two descriptors, without limit. */
int waiter_poll_both(const struct waiter *w, int a, int b);

#endif
