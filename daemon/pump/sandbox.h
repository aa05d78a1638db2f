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
	int landlock; /* ABI version; 0: this kernel has none */
	bool task;    /* rings made from now on are restricted by themselves */
	bool made;    /* rings are made, and restricted, by another process (maker.h) */
	bool seccomp;
};

/*
 * To be called by the only thread of a pump that has dropped its capabilities, before the first
 * byte of its client is read. What the kernel lacks is left out, and *ret says so. Returns 0 or a
 * negative errno.
 */
int sandbox_enter(struct sandbox *ret);

/* Restricts a ring before it is enabled; does nothing in a process that has no sandbox. Returns 0
 * or a negative errno. */
int sandbox_ring(struct io_uring *ring, enum restrict_ring what);

/* sandbox_text() of what was entered, or "". */
const char *sandbox_said(void);

/* Is no layer missing? */
bool sandbox_is_whole(const struct sandbox *s);

/* For the status: "landlock 7, rings, seccomp", or what of it there is, and then what is missing.
 */
void sandbox_text(const struct sandbox *s, char *ret, size_t bytes);

#endif
