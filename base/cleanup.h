/* SPDX-License-Identifier: MIT */
/* Variables that are cleaned up at the end of their scope. */
#ifndef ZCRX_BASE_CLEANUP_H
#define ZCRX_BASE_CLEANUP_H

#include <stdlib.h>

#define _cleanup_(fn) __attribute__((cleanup(fn)))

static inline void freep(void *p)
{
	free(*(void **)p);
}

#endif
