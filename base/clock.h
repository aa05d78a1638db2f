/* SPDX-License-Identifier: MIT */
/* The monotonic clock, and time limits that survive interrupted and repeated waits. */
#ifndef ZCRX_BASE_CLOCK_H
#define ZCRX_BASE_CLOCK_H

#include <limits.h>
#include <stdint.h>
#include <time.h>

static inline uint64_t clock_ns(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static inline int64_t clock_ms(void)
{
	return (int64_t)(clock_ns() / 1000000u);
}

/* The time when ms milliseconds are over; INT64_MAX, which never comes, if ms is negative. */
static inline int64_t clock_until(int ms)
{
	return ms < 0 ? INT64_MAX : clock_ms() + ms;
}

/* The milliseconds that are left until then, as poll(2) takes them: -1 for INT64_MAX. */
static inline int clock_left(int64_t until)
{
	if (until == INT64_MAX)
		return -1;
	int64_t left = until - clock_ms();
	return left < 0 ? 0 : left < INT_MAX ? (int)left : INT_MAX;
}

#endif
