/* SPDX-License-Identifier: MIT */
#include "policy/limits.h"

#include <inttypes.h>
#include <stdio.h>

struct words {
	const char *name, *keys, *what, *of, *less; /* what: of one; of: what follows it */
};

static const struct words all_words[] = {
#define X(kind, key, type, what, of, less) [ACCOUNT_##kind] = {key, key "=", what, of, less},
	LIMITS_TABLE(X)
#undef X
		[ACCOUNT_FILES] = {"files", "areas= or queues=", "file",
				   " of memory, open or mapped", "Close or unmap some"},
};

static const struct words hardware = {"", "queues=", "hardware queue", "",
				      "Close one, which takes the kernel a while"};

const char *limits_name(enum account_kind kind)
{
	return all_words[kind].name;
}

static void say(char ret[LIMITS_SAID_BYTES], const char *class, const struct words *w,
		const struct limits_used *u)
{
	snprintf(ret, LIMITS_SAID_BYTES,
		 "Your user may have %" PRIu64 " %s%s%s, has %" PRIu64 " and asked for %" PRIu64
		 " more. %s, or have %s of [class %s] in zcrxd.conf raised.",
		 u->most, w->what, u->most == 1 ? "" : "s", w->of, u->used, u->more, w->less,
		 w->keys, class);
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
		 "[class %s] is full: as many users have something of it as may "
		 "(most-users=%" PRIu64 "). Connect again when one of them has let go, or have "
		 "most-users= in zcrxd.conf raised.",
		 class, l->most_users);
}
