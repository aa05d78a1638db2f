/* SPDX-License-Identifier: MIT */
/* The third layer of the sandbox: a list of the system calls that a pump needs. */
#ifndef ZCRXD_FILTER_H
#define ZCRXD_FILTER_H

#include <stdbool.h>

/*
 * Allows the calling thread, and those it starts, the calls of the list in filter.c only. Any other
 * ends the process by SIGSYS, after a line in the log that says which. rings: io_uring_setup() is
 * allowed. Needs no_new_privs. Returns 0, -EOPNOTSUPP if this kernel has no seccomp filters, or a
 * negative errno.
 */
int filter_enter(bool rings);

#endif
