/* SPDX-License-Identifier: MIT */
#ifndef ZCRXD_LOWER_H
#define ZCRXD_LOWER_H

/*
 * Gives every capability away for good, dumps no core, and is the kernel's choice before the
 * broker when memory is short. While there is one thread, and before the client's first byte.
 * Returns 0 or a negative errno.
 */
int lower_self(void);

#endif
