/* SPDX-License-Identifier: MIT */
/*
 * Mappings of clients' memory in which the kernel makes no page. Whoever has the kernel write to a
 * page that is missing pays for it: zcrxd's cgroup would. So a system call that would make one ends
 * with EFAULT instead. A page that exists, be it swapped out, is written to as ever.
 *
 * That is done by a userfaultfd for faults of user mode, which needs no privilege; nobody reads it,
 * and code of this process that touches a missing page gets SIGBUS.
 */
#ifndef ZCRXD_PRESENT_H
#define ZCRXD_PRESENT_H

#include <stdbool.h>
#include <stdint.h>

/*
 * To be called once, before the second thread and the sandbox. Returns 0, or -EOPNOTSUPP if this
 * process may have no userfaultfd: then present_only() changes nothing; or another negative errno.
 */
int present_init(void);
/* Whether present_only() does something. */
bool present_is(void);
/* The mapping of a whole memfd's beginning, which was just made. Returns 0 or a negative errno. */
int present_only(void *at, uint64_t bytes);

#endif
