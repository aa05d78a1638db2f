/* SPDX-License-Identifier: MIT */
/* The keys of zcrxd.conf: their types, and how their values are parsed and printed. */
#ifndef ZCRXD_KEYS_H
#define ZCRXD_KEYS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

enum key_type {
	KEY_TEXT,      /* char *, NULL when empty */
	KEY_PATH,      /* char *, never empty */
	KEY_MODE,      /* mode_t */
	KEY_COUNT,     /* uint64_t */
	KEY_POSITIVE,  /* uint64_t, at least 1 */
	KEY_SECONDS,   /* uint64_t, at most a day */
	KEY_LIFETIME,  /* uint64_t, 1 to a day of seconds */
	KEY_BYTES,     /* uint64_t */
	KEY_QUEUES,    /* struct nic_queues */
	KEY_USERS,     /* struct policy_ids */
	KEY_GROUPS,    /* struct policy_ids */
	KEY_BACKENDS,  /* uint32_t */
	KEY_NICS,      /* struct policy_nics */
	KEY_ADDRESSES, /* struct range_list */
	KEY_HOST,      /* enum policy_host */
	KEY_FLAG,      /* bool */
	KEY_HOLES      /* uint32_t, see nic/holes.h */
};

struct key {
	const char *name;
	enum key_type type;
	size_t offset; /* of the field, in the object that the key belongs to */
};

/* Finds a key by its name. Returns NULL if there is none. */
const struct key *key_find(const struct key *keys, size_t n, const char *name);

/* Is the key a list, to which another line adds? Any other key has one line in a section. */
bool key_adds_up(const struct key *key);

/*
 * Parses the value into the object's field. Returns 0, -ENOENT if nobody has a name in it, -EINVAL
 * if it is not what key_expected() says, or another negative errno if there is no memory or a name
 * could not be looked up.
 */
int key_parse(const struct key *key, void *object, const char *value);
const char *key_expected(const struct key *key);

/*
 * Prints the object's field as lines of the file: one for each item of a list, so that no line
 * becomes too long to be read.
 */
void key_print(const struct key *key, const void *object, FILE *out);

#endif
