/* SPDX-License-Identifier: MIT */
/* Lengths and rounding. */
#ifndef ZCRX_BASE_SIZE_H
#define ZCRX_BASE_SIZE_H

#include <stdint.h>

#define ARRAY_LENGTH(a) (sizeof(a) / sizeof((a)[0]))

static inline uint64_t round_up(uint64_t n, uint64_t unit)
{
	return (n + unit - 1) / unit * unit;
}

/* Returns the smallest power of two that is not less than n. n is at most 2^31. */
static inline uint32_t round_up_pow2(uint32_t n)
{
	return n <= 1 ? 1 : 1u << (32 - __builtin_clz(n - 1));
}

#endif
