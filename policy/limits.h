/* SPDX-License-Identifier: MIT */
/* What is counted of each user, and the most that a class allows (zcrxd.conf(5)). */
#ifndef ZCRX_POLICY_LIMITS_H
#define ZCRX_POLICY_LIMITS_H

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

#endif
