/* SPDX-License-Identifier: MIT */
/* Clocks, and time limits that survive interrupted and repeated waits. */
#ifndef ZCRX_BASE_CLOCK_H
#define ZCRX_BASE_CLOCK_H

#include <limits.h>
#include <stdint.h>
#include <time.h>

#define NS_A_SECOND 1000000000ull
#define NS_A_MS     1000000ull

static inline uint64_t clock_ns_of(clockid_t clock)
{
	struct timespec t;
	clock_gettime(clock, &t);
	return (uint64_t)t.tv_sec * NS_A_SECOND + (uint64_t)t.tv_nsec;
}

static inline uint64_t clock_ns(void)
{
	return clock_ns_of(CLOCK_MONOTONIC);
}

/* The processor time that the calling thread has used. */
static inline uint64_t clock_thread_ns(void)
{
	return clock_ns_of(CLOCK_THREAD_CPUTIME_ID);
}

static inline int64_t clock_ms(void)
{
	return (int64_t)(clock_ns() / NS_A_MS);
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
