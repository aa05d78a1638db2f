/* SPDX-License-Identifier: MIT */
/* Keys of zcrxd.conf: their types, how values are parsed and printed. */
#ifndef ZCRXD_KEYS_H
#define ZCRXD_KEYS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

enum key_type {
	KEY_TEXT,      /* char *, NULL when empty */
	KEY_MODE,      /* mode_t */
	KEY_COUNT,     /* uint64_t */
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
	size_t offset; /* in what it is a key of */
};

/* NULL if there is no such key. */
const struct key *key_find(const struct key *keys, size_t n, const char *name);

/* It is a list, and another line adds to it. Else it replaces what was there. */
bool key_adds_up(const struct key *key);

/*
 * Returns 0, -ENOENT for a name nobody has, -EINVAL: it is not what is expected, or another
 * negative errno: there was no memory, or a name could not be looked up.
 */
int key_parse(const struct key *key, void *object, const char *value);
const char *key_expected(const struct key *key);

/* Lines of a file. A list takes one for each item, since lines must not become too long. */
void key_print(const struct key *key, const void *object, FILE *out);

#endif
