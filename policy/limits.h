/* SPDX-License-Identifier: MIT */
/* What is counted of each user, and the most that a class allows (zcrxd.conf(5)). */
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
	ACCOUNT_FILES, /* of memory; the limit follows from those of areas and queues */
	ACCOUNT_KINDS,
};

/* Of each user of a class. */
struct limits {
	uint64_t most[ACCOUNT_KINDS]; /* see account_most() */
	uint64_t requests_per_second; /* further ones wait */
	uint64_t leases_per_minute;   /* further ones are refused */
	uint64_t most_users;          /* of the class at once */
};

/*
 * The most files of memory that a user may have: one for each area and three for each queue, and
 * as many again for areas and queues that were closed while somebody still has their memory.
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
