/* SPDX-License-Identifier: MIT */
/* What a client thread's epoll set points to. */
#ifndef ZCRXD_LOOP_H
#define ZCRXD_LOOP_H

#include <stdint.h>

struct source {
	void (*ready)(void *owner, uint32_t events);
	void *owner;
};

#endif
