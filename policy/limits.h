/* SPDX-License-Identifier: MIT */
/*
 * What zcrxd counts for each user, and how much of it a class allows: zcrxd.conf(5). The sentences
 * of refusals are made here, so that each names the key that the administrator has to change.
 */
#ifndef ZCRX_POLICY_LIMITS_H
#define ZCRX_POLICY_LIMITS_H

#include <stdbool.h>
#include <stdint.h>

/*
 * Limits of amounts: KIND; the key in zcrxd.conf, which with _ for - is the name in the status
 * document; the type of its value; what is counted, one of it, and what follows that in a sentence;
 * how a user comes to have less of it.
 */
#define LIMITS_TABLE(X)                                                  \
	X(SESSIONS, "sessions", COUNT, "connection", "", "Close one")    \
	X(QUEUES, "queues", COUNT, "queue", "", "Close one")             \
	X(AREAS, "areas", COUNT, "area", "", "Delete one")               \
	X(BYTES, "area-bytes", BYTES, "byte", " of areas and rings",     \
	  "Free some, also mappings of it")                              \
	X(FLOWS, "flows", COUNT, "flow", ", of which a listener is two", \
	  "Close one and read all of it")                                \
	X(LISTENERS, "listeners", COUNT, "listening socket", "", "Close one")

enum account_kind {
#define X(kind, ...) ACCOUNT_##kind,
	LIMITS_TABLE(X)
#undef X
	ACCOUNT_FILES, /* files of shared memory: limits_files() */
	ACCOUNT_KINDS,
};

/* The limits of each user of a class. */
struct limits {
	uint64_t most[ACCOUNT_KINDS];    /* see account_most() */
	uint64_t requests_per_second;    /* further requests wait */
	uint64_t connections_per_second; /* further connections are refused */
	uint64_t leases_per_minute;      /* further leases wait or are refused */
	uint64_t most_users;             /* how many users the class has at once */
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

/* The name of an amount: its key in zcrxd.conf, or "files". */
const char *limits_name(enum account_kind kind);

#define LIMITS_SAID_BYTES 240 /* of a sentence, its NUL included */

/* How much a user may have, how much of it is in use, how much more it asked for. */
struct limits_used {
	uint64_t most, used, more;
};

/* The sentence for a user of the class that asked for more than it may have. */
void limits_say_amount(char ret[LIMITS_SAID_BYTES], const char *class, enum account_kind kind,
		       const struct limits_used *u);

/* The same for hardware queues, of which a user may have as many as queues. */
void limits_say_hardware(char ret[LIMITS_SAID_BYTES], const char *class,
			 const struct limits_used *u);

/* Leased hardware queues as often as allowed in a minute; it may do so again in wait_s seconds. */
void limits_say_leases(char ret[LIMITS_SAID_BYTES], const char *class, const struct limits *l,
		       uint64_t wait_s);

/* Connected as often as allowed in a second. */
void limits_say_connections(char ret[LIMITS_SAID_BYTES], const char *class, const struct limits *l);

/* The class has as many users as it may. */
void limits_say_users(char ret[LIMITS_SAID_BYTES], const char *class, const struct limits *l);

#endif
