/* SPDX-License-Identifier: MIT */
/* Can zcrxd run on this kernel, and may it use zcrx there? */
#ifndef ZCRXD_KERNEL_H
#define ZCRXD_KERNEL_H

#include <stdint.h>

/*
 * Tries each call of io_uring that clients will need, and logs what is in the way. fixed_holes: the
 * holes of nic/holes.h that were mended in this kernel. Returns 0 or a negative errno. To be called
 * once, before there are other threads.
 */
int kernel_check(uint32_t fixed_holes);

/* A sentence why nobody gets zcrx on this kernel; NULL: nothing is known against zcrx. */
const char *kernel_refuses_zcrx(void);

#endif
