/* SPDX-License-Identifier: MIT */
/*
 * The second layer of the sandbox: what a ring may submit and register, which no filter of system
 * calls sees.
 */
#ifndef ZCRXD_RESTRICT_H
#define ZCRXD_RESTRICT_H

#include <liburing.h>
#include <stdbool.h>

enum restrict_ring {
	RESTRICT_OPS,    /* the client's own: accepts, for listeners */
	RESTRICT_QUEUE,  /* a queue's, of copy or zcrx */
	RESTRICT_DEVMEM, /* a queue's, of devmem: settles what was lent by commands to sockets */
};

/*
 * Restricts a ring that is not enabled yet; binding once it is. -EBUSY or -EACCES: its task is
 * restricted, which the ring took over when it was made. Returns 0 or a negative errno.
 */
int restrict_ring(struct io_uring *ring, enum restrict_ring what);

/*
 * Restricts a ring by its descriptor, before it is enabled, to what any of the above needs.
 * Returns 0 or a negative errno.
 */
int restrict_any(int ring);

/*
 * Restricts every ring that the calling thread, and those it starts, will make: to what any of the
 * above needs. Needs no_new_privs, and cannot be done twice. Returns 0, -EOPNOTSUPP if this kernel
 * cannot (6.18 cannot, 7.2 can), or a negative errno.
 */
int restrict_task(void);

#endif
