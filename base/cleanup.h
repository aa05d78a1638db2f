/* SPDX-License-Identifier: MIT */
/* Cleanup at the end of a scope. */
#ifndef ZCRX_BASE_CLEANUP_H
#define ZCRX_BASE_CLEANUP_H

#include <stdlib.h>

#define _cleanup_(fn) __attribute__((cleanup(fn)))

static inline void freep(void *p)
{
	free(*(void **)p);
}

#endif
