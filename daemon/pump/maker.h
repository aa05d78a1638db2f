/* SPDX-License-Identifier: MIT */
/*
 * Where a task's rings cannot be restricted beforehand (restrict.h) the pump may make none. Another
 * process makes them, a child of the pump's, in a sandbox of its own, and restricts each before the
 * pump has it.
 *
 * The pump sends what the ring is to be, and calls io_uring_setup(): the filter (filter.h) hands
 * the call to the maker, and the ring's descriptor is what the call returns. So the pump never has
 * a ring that is not restricted, and neither ptrace's rules nor the ban on rings in messages
 * matter.
 */
#ifndef ZCRXD_MAKER_H
#define ZCRXD_MAKER_H

/* Starts it. By the only thread. Returns 0 or a negative errno. */
int maker_start(void);

/*
 * Gives it the calls of this process's filter, of which `calls` is the only descriptor, and which
 * is closed; or ends it: -1. From then on uring.h makes rings by it. Returns 0 or a negative errno.
 */
int maker_serve(int calls);

#endif
