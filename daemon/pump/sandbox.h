/* SPDX-License-Identifier: MIT */
/*
 * What a pump cannot do any more, whoever's code it runs. Three layers, since each lets something
 * through: Landlock (landlock.h), what rings may do (restrict.h), and a list of system calls
 * (filter.h). docs/security.md has a table of what each denies on which kernel; tests/sandbox tries
 * it line by line.
 */
#ifndef ZCRXD_SANDBOX_H
#define ZCRXD_SANDBOX_H

#include <stdbool.h>
#include <stddef.h>

#include "daemon/pump/restrict.h"

/* The layers that are active. */
struct sandbox {
	int landlock;      /* ABI version; 0: this kernel has none */
	bool task;         /* rings made from now on are restricted by themselves */
	bool rings_closed; /* no more rings can be made */
	bool seccomp;
};

/*
 * To be called by the only thread of a pump that has dropped its capabilities, before the first
 * byte of its client is read. rings_are_made: no ring is made afterwards. Where
 * restrict_task() is not supported that is the only way to keep a pump from a ring without
 * restrictions. connects: the class may have sockets of the daemon's network namespace, which
 * the pump connects (TODO: a hand does that). What the kernel lacks is left out, and *ret says so.
 * Returns 0 or a negative errno.
 */
int sandbox_enter(bool rings_are_made, bool connects, struct sandbox *ret);

/* Restricts a ring before it is enabled. Returns 0 or a negative errno. */
int sandbox_ring(const struct sandbox *s, struct io_uring *ring, enum restrict_ring what);

/* Is no layer missing? */
bool sandbox_is_whole(const struct sandbox *s);

/* For the status: "landlock 7, rings, seccomp", or what of it there is, and then what is missing.
 */
void sandbox_text(const struct sandbox *s, char *ret, size_t bytes);

#endif
