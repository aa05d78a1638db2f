/* SPDX-License-Identifier: MIT */
/* Whether the running kernel will do, and what of it is not used. */
#ifndef ZCRXD_KERNEL_H
#define ZCRXD_KERNEL_H

#include <stdint.h>

/*
 * Tries each call of io_uring that clients will need, and says in one clear sentence what is in the
 * way. fixed_holes: those of nic/holes.h that this kernel has not. Returns 0 or a negative errno.
 * To be called once, before any other thread is there.
 */
int kernel_check(uint32_t fixed_holes);

/* A sentence why nobody gets zcrx on this kernel; NULL: nothing is known against it. */
const char *kernel_refuses_zcrx(void);

#endif
