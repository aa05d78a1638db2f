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

/* Takes the signals over. seconds: 0 for no end. Returns 0 or a negative errno. */
int waiter_init(struct waiter *w, unsigned seconds);

/* 0, -ECANCELED after a signal, -ETIME when time is up. */
int waiter_check(const struct waiter *w);

/*
 * Waits for events (poll(2)) on a descriptor, at most ms milliseconds (-1: without limit). Returns
 * 1 when there are any, 0 when the milliseconds are over, or as waiter_check does.
 */
int waiter_poll(const struct waiter *w, int fd, short events, int ms);

/* Monotonic. */
uint64_t waiter_now_ns(void);

#endif
