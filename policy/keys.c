/* SPDX-License-Identifier: MIT */
#include "policy/keys.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/size.h"
#include "nic/holes.h"
#include "nic/queues.h"
#include "policy/lists.h"

#define SECONDS_MAX 86400u /* a day */

static const char *const hosts[] = {
	[POLICY_HOST_NO] = "no",
	[POLICY_HOST_RECEIVE_ONLY] = "receive-only",
	[POLICY_HOST_YES] = "yes",
};

const struct key *key_find(const struct key *keys, size_t n, const char *name)
{
	for (size_t i = 0; i < n; i++)
		if (strcmp(keys[i].name, name) == 0)
			return &keys[i];
	return NULL;
}

static int parse_number(const char *value, bool units, uint64_t *ret)
{
	char *end;
	if (*value < '0' || *value > '9')
		return -EINVAL;
	errno = 0;
	unsigned long long n = strtoull(value, &end, 10);
	const char *unit = *end && units ? strchr("KMGT", *end) : NULL;
	unsigned shift = unit ? 10 * (unsigned)(unit - "KMGT" + 1) : 0;
	if (errno || end[unit ? 1 : 0] || n > UINT64_MAX >> shift)
		return -EINVAL;
	*ret = n << shift;
	return 0;
}

/* Parses a number from min to max. */
static int parse_ranged(const char *value, uint64_t min, uint64_t max, uint64_t *ret)
{
	uint64_t n;
	if (parse_number(value, false, &n) < 0 || n < min || n > max)
		return -EINVAL;
	*ret = n;
	return 0;
}

static int parse_mode(const char *value, mode_t *ret)
{
	char *end;
	unsigned long mode = strtoul(value, &end, 8);
	if (*value < '0' || *value > '7' || *end || mode > 0777)
		return -EINVAL;
	*ret = (mode_t)mode;
	return 0;
}

static int parse_text(const char *value, char **ret)
{
	char *copy = *value ? strdup(value) : NULL;
	if (*value && !copy)
		return -ENOMEM;
	free(*ret);
	*ret = copy;
	return 0;
}

/* Returns the bit of the backend of this name, or 0 if there is none. */
static uint32_t backend_parse(const char *name)
{
	return backend_bit(backend_find(name));
}

/* Parses names that are separated by blanks into a set. find returns the bit of a name, or 0. */
static int parse_set(const char *value, uint32_t (*find)(const char *name), uint32_t *ret)
{
	uint32_t set = 0;
	char *copy = strdup(value), *rest = copy, *item;
	int r = copy ? 0 : -ENOMEM;
	while (r == 0 && (item = strsep(&rest, " \t"))) {
		uint32_t bit = *item ? find(item) : 0;
		set |= bit;
		if (*item && !bit)
			r = -EINVAL;
	}
	free(copy);
	if (r == 0)
		*ret = set;
	return r;
}

static int parse_flag(const char *value, bool *ret)
{
	bool yes = strcmp(value, "yes") == 0;
	if (!yes && strcmp(value, "no") != 0)
		return -EINVAL;
	*ret = yes;
	return 0;
}

static int parse_host(const char *value, enum policy_host *ret)
{
	for (size_t i = 0; i < ARRAY_LENGTH(hosts); i++) {
		if (strcmp(hosts[i], value) != 0)
			continue;
		*ret = (enum policy_host)i;
		return 0;
	}
	return -EINVAL;
}

bool key_adds_up(const struct key *key)
{
	return key->type == KEY_USERS || key->type == KEY_GROUPS || key->type == KEY_NICS ||
	       key->type == KEY_ADDRESSES;
}

int key_parse(const struct key *key, void *object, const char *value)
{
	void *field = (char *)object + key->offset;
	switch (key->type) {
	case KEY_TEXT:
		return parse_text(value, field);
	case KEY_PATH:
		return *value ? parse_text(value, field) : -EINVAL;
	case KEY_MODE:
		return parse_mode(value, field);
	case KEY_COUNT:
	case KEY_BYTES:
		return parse_number(value, key->type == KEY_BYTES, field);
	case KEY_POSITIVE:
		return parse_ranged(value, 1, UINT64_MAX, field);
	case KEY_SECONDS:
	case KEY_LIFETIME:
		return parse_ranged(value, key->type == KEY_LIFETIME, SECONDS_MAX, field);
	case KEY_QUEUES:
		return nic_queues_parse(field, value);
	case KEY_USERS:
		return list_users(field, value);
	case KEY_GROUPS:
		return list_groups(field, value);
	case KEY_BACKENDS:
		return parse_set(value, backend_parse, field);
	case KEY_NICS:
		return list_nics(field, value);
	case KEY_ADDRESSES:
		return list_addresses(field, value);
	case KEY_HOST:
		return parse_host(value, field);
	case KEY_FLAG:
		return parse_flag(value, field);
	case KEY_HOLES:
		return parse_set(value, hole_find, field);
	}
	return -EINVAL;
}

const char *key_expected(const struct key *key)
{
	static const char *const texts[] = {
		[KEY_TEXT] = "text",
		[KEY_PATH] = "a path, which must not be empty",
		[KEY_MODE] = "an octal mode such as 0660",
		[KEY_COUNT] = "a number",
		[KEY_POSITIVE] = "a number, at least 1",
		[KEY_SECONDS] = "a number of seconds, at most 86400",
		[KEY_LIFETIME] = "a number of seconds from 1 to 86400",
		[KEY_BYTES] = "a number of bytes, with K, M, G or T if you like",
		[KEY_QUEUES] = "numbers and ranges, such as 2-5,7",
		[KEY_USERS] = "names of users, uids and ranges of them, such as alice 2000-2999",
		[KEY_GROUPS] = "names of groups, gids and ranges of them, such as video 2000-2999",
		[KEY_BACKENDS] = "some of these backends:" BACKEND_NAMES,
		[KEY_NICS] = "interfaces, with queues if you like, such as eth0 eth1:2-5,7",
		[KEY_ADDRESSES] = "addresses, with ports if you like, such as 10.0.0.0/8 [::]:80",
		[KEY_HOST] = "no, receive-only or yes",
		[KEY_FLAG] = "no or yes",
		[KEY_HOLES] = "CVEs that zcrxd.conf(5) lists, such as CVE-2026-43121",
	};
	return texts[key->type];
}

static void backends_print(uint32_t set, FILE *out)
{
	char names[128];
	backend_names(set, " ", names, sizeof(names));
	fputs(names, out);
}

static void holes_print(uint32_t set, FILE *out)
{
	char names[128];
	holes_names(set, names, sizeof(names));
	fputs(names, out);
}

static void value_print(const struct key *key, const void *field, FILE *out)
{
	switch (key->type) {
	case KEY_TEXT:
	case KEY_PATH:
		fprintf(out, "%s", *(char *const *)field ? *(char *const *)field : "");
		break;
	case KEY_MODE:
		fprintf(out, "%04o", (unsigned)*(const mode_t *)field);
		break;
	case KEY_COUNT:
	case KEY_POSITIVE:
	case KEY_SECONDS:
	case KEY_LIFETIME:
	case KEY_BYTES:
		fprintf(out, "%llu", (unsigned long long)*(const uint64_t *)field);
		break;
	case KEY_QUEUES:
		nic_queues_print(field, out);
		break;
	case KEY_BACKENDS:
		backends_print(*(const uint32_t *)field, out);
		break;
	case KEY_HOST:
		fputs(hosts[*(const enum policy_host *)field], out);
		break;
	case KEY_FLAG:
		fputs(*(const bool *)field ? "yes" : "no", out);
		break;
	case KEY_HOLES:
		holes_print(*(const uint32_t *)field, out);
		break;
	case KEY_USERS:
	case KEY_GROUPS:
		list_ids_print(field, " ", out);
		break;
	case KEY_NICS:
		list_nics_print(field, out);
		break;
	case KEY_ADDRESSES:
		list_addresses_print(field, out);
		break;
	}
}

static void line_print(const struct key *key, const void *field, FILE *out)
{
	fprintf(out, "%s=", key->name);
	value_print(key, field, out);
	fputc('\n', out);
}

static void ids_print(const struct key *key, const struct policy_ids *list, FILE *out)
{
	for (uint32_t i = 0; i < list->n; i++)
		line_print(key, &(struct policy_ids){.spans = &list->spans[i], .n = 1}, out);
}

static void nic_print(const struct key *key, const struct policy_nic *nic, FILE *out)
{
	struct policy_nic part = *nic;
	uint32_t i = 0;
	do {
		if (nic->queues.n)
			part.queues = (struct policy_ids){.spans = &nic->queues.spans[i], .n = 1};
		line_print(key, &(struct policy_nics){.nics = &part, .n = 1}, out);
	} while (++i < nic->queues.n);
}

static void nics_print(const struct key *key, const struct policy_nics *list, FILE *out)
{
	for (uint32_t i = 0; i < list->n; i++)
		nic_print(key, &list->nics[i], out);
}

static void addresses_print(const struct key *key, const struct range_list *list, FILE *out)
{
	for (uint32_t i = 0; i < list->n; i++)
		line_print(key, &(struct range_list){.ranges = &list->ranges[i], .n = 1}, out);
}

static bool is_empty(const struct key *key, const void *field)
{
	switch ((int)key->type) {
	case KEY_USERS:
	case KEY_GROUPS:
		return ((const struct policy_ids *)field)->n == 0;
	case KEY_NICS:
		return ((const struct policy_nics *)field)->n == 0;
	case KEY_ADDRESSES:
		return ((const struct range_list *)field)->n == 0;
	default:
		return false;
	}
}

void key_print(const struct key *key, const void *object, FILE *out)
{
	const void *field = (const char *)object + key->offset;
	if (is_empty(key, field))
		fprintf(out, "%s=\n", key->name);
	else if (key->type == KEY_USERS || key->type == KEY_GROUPS)
		ids_print(key, field, out);
	else if (key->type == KEY_NICS)
		nics_print(key, field, out);
	else if (key->type == KEY_ADDRESSES)
		addresses_print(key, field, out);
	else
		line_print(key, field, out);
}
