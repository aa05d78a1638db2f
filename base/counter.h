/* SPDX-License-Identifier: MIT */
/* Counters that one thread writes and others read. */
#ifndef ZCRX_BASE_COUNTER_H
#define ZCRX_BASE_COUNTER_H

#include <stdint.h>

static inline void count_add(uint64_t *counter, uint64_t n)
{
	__atomic_store_n(counter, __atomic_load_n(counter, __ATOMIC_RELAXED) + n, __ATOMIC_RELAXED);
}

static inline void count_set(uint64_t *counter, uint64_t n)
{
	__atomic_store_n(counter, n, __ATOMIC_RELAXED);
}

static inline uint64_t count_get(const uint64_t *counter)
{
	return __atomic_load_n(counter, __ATOMIC_RELAXED);
}

#endif
