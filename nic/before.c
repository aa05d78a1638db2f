/* SPDX-License-Identifier: MIT */
#include "before.h"

#include <errno.h>
#include <json-c/json.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "change.h"

/* It grows when what is in it means something else than before. */
#define FORMAT   2
#define RSS_MOST 65536u /* entries: more than any driver has */
#define DEPTH    8      /* of nested values: more than there are */

#define PRINTABLE                                                                                       \
	" !\"#$%&'()*+,-./0123456789:;<=>?@ABCDEFGHIJKLMNOPQRSTUVWXYZ[\\]^_`abcdefghijklmnopqrstuvwxyz" \
	"{|}~"

struct reading {
	struct json_object *o;
	int members; /* that were asked for */
	char *why;
	int error; /* the first one; what is read after it does not count */
};

__attribute__((format(printf, 2, 3))) static void wrong(struct reading *r, const char *format, ...)
{
	va_list args;

	if (r->error)
		return;
	r->error = -EBADMSG;
	va_start(args, format);
	vsnprintf(r->why, NIC_BEFORE_WHY_BYTES, format, args);
	va_end(args);
}

static struct json_object *member(struct reading *r, const char *key)
{
	struct json_object *value = NULL;

	r->members++;
	if (!r->error && !json_object_object_get_ex(r->o, key, &value))
		wrong(r, "%s is missing", key);
	return value;
}

static uint32_t number_check(struct reading *r, const char *key, struct json_object *value,
			     uint32_t least, uint32_t most)
{
	int64_t n = json_object_get_int64(value);

	if (!r->error && (!json_object_is_type(value, json_type_int) || n < least || n > most))
		wrong(r, "%s has what is no number from %u to %u", key, least, most);
	return r->error ? 0 : (uint32_t)n;
}

static uint32_t number(struct reading *r, const char *key, uint32_t least, uint32_t most)
{
	return number_check(r, key, member(r, key), least, most);
}

static bool flag(struct reading *r, const char *key)
{
	struct json_object *value = member(r, key);

	if (!json_object_is_type(value, json_type_boolean))
		wrong(r, "%s is neither true nor false", key);
	return json_object_get_boolean(value);
}

/* Of printable characters, at least `least` and with its end no more than room. */
static void text(struct reading *r, const char *key, char *ret, size_t least, size_t room)
{
	struct json_object *value = member(r, key);
	const char *s =
		json_object_is_type(value, json_type_string) ? json_object_get_string(value) : "\n";
	size_t n = (size_t)json_object_get_string_len(value);

	if (n < least || n >= room || strspn(s, PRINTABLE) != n || s[n])
		wrong(r, "%s is no text of %zu to %zu printable characters", key, least, room - 1);
	if (r->error)
		return;
	memcpy(ret, s, n);
	ret[n] = '\0';
}

/* Numbers of queues. */
static void numbers(struct reading *r, const char *key, struct json_object *list, uint32_t n_most,
		    uint32_t **ret, uint32_t *ret_n)
{
	size_t n = json_object_is_type(list, json_type_array) ? json_object_array_length(list) : 0;

	if (n == 0 || n > n_most)
		wrong(r, "%s is no list of 1 to %u numbers", key, n_most);
	if (r->error)
		return;
	*ret = calloc(n, sizeof(**ret));
	if (!*ret) {
		r->error = -ENOMEM;
		return;
	}
	*ret_n = (uint32_t)n;
	for (size_t i = 0; i < n; i++)
		(*ret)[i] = number_check(r, key, json_object_array_get_idx(list, i), 0,
					 NIC_QUEUES_MOST - 1);
}

static void members_read(struct reading *r, struct nic_before *b)
{
	struct json_object *rss;

	if (number(r, "format", 0, INT_MAX) != FORMAT)
		wrong(r, "format is not %u, the one of this version of zcrxd", FORMAT);
	text(r, "boot", b->boot, sizeof(b->boot) - 1, sizeof(b->boot));
	b->card.ifindex = number(r, "ifindex", 1, INT_MAX);
	text(r, "device", b->card.bus_device, 0, sizeof(b->card.bus_device));
	text(r, "address", b->card.address, 0, sizeof(b->card.address));
	b->split = (int32_t)number(r, "split", NIC_SPLIT_AUTO, NIC_SPLIT_ON);
	b->threshold = number(r, "threshold", 0, UINT32_MAX);
	b->ntuple = flag(r, "ntuple");
	rss = member(r, "rss");
	if (rss)
		numbers(r, "rss", rss, RSS_MOST, &b->rss, &b->rss_entries);
	numbers(r, "queues", member(r, "queues"), NIC_QUEUES_MOST, &b->queues.ids, &b->queues.n);
	for (uint32_t i = 1; !r->error && i < b->queues.n; i++)
		if (b->queues.ids[i - 1] >= b->queues.ids[i])
			wrong(r, "queues are not in ascending order");
	if (!r->error && json_object_object_length(r->o) != r->members)
		wrong(r, "it has members that this version of zcrxd does not know");
}

static struct json_object *numbers_print(const uint32_t *values, uint32_t n)
{
	struct json_object *a = json_object_new_array();

	for (uint32_t i = 0; a && i < n; i++)
		json_object_array_add(a, json_object_new_int64(values[i]));
	return a;
}

static struct json_object *to_json(const struct nic_before *b)
{
	struct json_object *o = json_object_new_object();

	if (!o)
		return NULL;
	json_object_object_add(o, "format", json_object_new_int(FORMAT));
	json_object_object_add(o, "boot", json_object_new_string(b->boot));
	json_object_object_add(o, "ifindex", json_object_new_int64(b->card.ifindex));
	json_object_object_add(o, "device", json_object_new_string(b->card.bus_device));
	json_object_object_add(o, "address", json_object_new_string(b->card.address));
	json_object_object_add(o, "split", json_object_new_int(b->split));
	json_object_object_add(o, "threshold", json_object_new_int64(b->threshold));
	json_object_object_add(o, "ntuple", json_object_new_boolean(b->ntuple));
	json_object_object_add(o, "rss", b->rss ? numbers_print(b->rss, b->rss_entries) : NULL);
	json_object_object_add(o, "queues", numbers_print(b->queues.ids, b->queues.n));
	return o;
}

char *nic_before_print(const struct nic_before *b)
{
	struct json_object *o = to_json(b);
	const char *s = o ? json_object_to_json_string_ext(o, JSON_C_TO_STRING_PLAIN) : NULL;
	char *line = NULL;

	if (s && asprintf(&line, "%s\n", s) < 0)
		line = NULL;
	json_object_put(o);
	return line;
}

/* The object that the text is, and nothing behind it; or NULL. */
static struct json_object *object_read(const char *in, size_t bytes)
{
	struct json_tokener *t = json_tokener_new_ex(DEPTH);
	struct json_object *o = NULL;
	bool whole = false;

	if (!t)
		return NULL;
	json_tokener_set_flags(t, JSON_TOKENER_STRICT);
	if (bytes <= INT_MAX)
		o = json_tokener_parse_ex(t, in, (int)bytes);
	whole = json_object_is_type(o, json_type_object) && json_tokener_get_parse_end(t) == bytes;
	json_tokener_free(t);
	if (!whole) {
		json_object_put(o);
		return NULL;
	}
	return o;
}

int nic_before_parse(struct nic_before *ret, const char *in, size_t bytes,
		     char why[NIC_BEFORE_WHY_BYTES])
{
	struct nic_before b = {0};
	struct reading r = {.why = why};

	while (bytes > 0 && memchr(" \t\r\n", in[bytes - 1], 4))
		bytes--;
	r.o = object_read(in, bytes);
	memcpy(b.name, ret->name, sizeof(b.name));
	if (!r.o)
		wrong(&r, "it is no JSON object");
	members_read(&r, &b);
	json_object_put(r.o);
	if (r.error < 0)
		nic_before_done(&b);
	else
		*ret = b;
	return r.error;
}

void nic_before_done(struct nic_before *b)
{
	free(b->rss);
	nic_queues_done(&b->queues);
	*b = (struct nic_before){0};
}
