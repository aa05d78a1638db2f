/* SPDX-License-Identifier: MIT */
/* From a member to the structure that it is embedded in. */
#ifndef ZCRX_BASE_CONTAINER_H
#define ZCRX_BASE_CONTAINER_H

#include <stddef.h>

/* The conditional makes the compiler check that the pointer is one to such a member. */
#define container_of(pointer, type, member)                                   \
	((type *)(void *)((char *)(1 ? (pointer) : &((type *)NULL)->member) - \
			  offsetof(type, member)))

#endif
