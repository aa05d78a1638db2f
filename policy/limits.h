/* SPDX-License-Identifier: MIT */
/* What zcrxd counts for each user, and how much of it a class allows: zcrxd.conf(5). */
#ifndef ZCRX_POLICY_LIMITS_H
#define ZCRX_POLICY_LIMITS_H

#include <stdbool.h>
#include <stdint.h>

enum account_kind {
	ACCOUNT_SESSIONS,
	ACCOUNT_QUEUES,
	ACCOUNT_AREAS,
	ACCOUNT_BYTES,
	ACCOUNT_FLOWS, /* listeners included */
	ACCOUNT_LISTENERS,
	ACCOUNT_FILES, /* files of shared memory: limits_files() */
	ACCOUNT_KINDS,
};

/* The limits of each user of a class. */
struct limits {
	uint64_t most[ACCOUNT_KINDS]; /* see account_most() */
	uint64_t requests_per_second; /* further requests wait */
	uint64_t leases_per_minute;   /* further leases are refused */
	uint64_t most_users;          /* how many users the class has at once */
};

/*
 * How many files of shared memory a user may have: one for each area and three for each queue, and
 * as many again for areas and queues that are closed but whose memory somebody still has.
 */
static inline uint64_t limits_files(const struct limits *l)
{
	uint64_t n;
	bool too_many = __builtin_mul_overflow(l->most[ACCOUNT_QUEUES], 3, &n) ||
			__builtin_add_overflow(n, l->most[ACCOUNT_AREAS], &n) ||
			__builtin_mul_overflow(n, 2, &n);

	return too_many ? UINT64_MAX : n;
}

#endif
