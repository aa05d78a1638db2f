/* SPDX-License-Identifier: MIT */
#include "policy/limits.h"

#include <inttypes.h>
#include <stdio.h>

struct words {
	const char *name, *keys, *what, *less;
};

static const struct words all_words[] = {
#define X(kind, key, type, what, less) [ACCOUNT_##kind] = {key, key "=", what, less},
	LIMITS_TABLE(X)
#undef X
		[ACCOUNT_FILES] = {"files",
				   "areas= or queues=", "files of memory that are open or mapped",
				   "Close or unmap some"},
};

static const struct words hardware = {"", "queues=", "hardware queues",
				      "Close one, which takes the kernel a while"};

const char *limits_name(enum account_kind kind)
{
	return all_words[kind].name;
}

static void say(char ret[LIMITS_SAID_BYTES], const char *class, const struct words *w,
		const struct limits_used *u)
{
	snprintf(ret, LIMITS_SAID_BYTES,
		 "Your user may have %" PRIu64 " %s, has %" PRIu64 " and asked for %" PRIu64
		 " more. %s, or have %s of [class %s] in zcrxd.conf raised.",
		 u->most, w->what, u->used, u->more, w->less, w->keys, class);
}

void limits_say_amount(char ret[LIMITS_SAID_BYTES], const char *class, enum account_kind kind,
		       const struct limits_used *u)
{
	say(ret, class, &all_words[kind], u);
}

void limits_say_hardware(char ret[LIMITS_SAID_BYTES], const char *class,
			 const struct limits_used *u)
{
	say(ret, class, &hardware, u);
}

void limits_say_leases(char ret[LIMITS_SAID_BYTES], const char *class, const struct limits *l,
		       uint64_t wait_s)
{
	snprintf(ret, LIMITS_SAID_BYTES,
		 "Your user or its class leased hardware queues as often as it may in a minute "
		 "(%" PRIu64 "): try again in %" PRIu64
		 " s, or have leases-per-minute= of [class %s] in zcrxd.conf raised.",
		 l->leases_per_minute, wait_s, class);
}

void limits_say_connections(char ret[LIMITS_SAID_BYTES], const char *class, const struct limits *l)
{
	snprintf(ret, LIMITS_SAID_BYTES,
		 "Your user or its class connected as often as it may in a second (%" PRIu64
		 " each user): connect again in a second, or have connections-per-second= of "
		 "[class %s] in zcrxd.conf raised.",
		 l->connections_per_second, class);
}

void limits_say_users(char ret[LIMITS_SAID_BYTES], const char *class, const struct limits *l)
{
	snprintf(ret, LIMITS_SAID_BYTES,
		 "As many users as may (%" PRIu64 ") have something of [class %s]: connect again "
		 "when one of them has nothing any more, or have its most-users= in zcrxd.conf "
		 "raised.",
		 l->most_users, class);
}
