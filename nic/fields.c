/* SPDX-License-Identifier: MIT */
#include "nic/fields.h"

#include <errno.h>
#include <json-c/json.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define DEPTH 8 /* how deep values may be nested; ours are less deep */

#define PRINTABLE                                                                                       \
	" !\"#$%&'()*+,-./0123456789:;<=>?@ABCDEFGHIJKLMNOPQRSTUVWXYZ[\\]^_`abcdefghijklmnopqrstuvwxyz" \
	"{|}~"

void fields_wrong(struct fields *f, const char *format, ...)
{
	va_list args;

	if (f->error)
		return;
	f->error = -EBADMSG;
	va_start(args, format);
	vsnprintf(f->why, FIELDS_WHY_BYTES, format, args);
	va_end(args);
}

/* Parses the text, which must be one object and nothing else. Returns NULL if it is not. */
static struct json_object *object_read(const char *text, size_t bytes)
{
	struct json_tokener *t = json_tokener_new_ex(DEPTH);
	struct json_object *o = NULL;
	bool whole = false;

	if (!t)
		return NULL;
	json_tokener_set_flags(t, JSON_TOKENER_STRICT);
	if (bytes <= INT_MAX)
		o = json_tokener_parse_ex(t, text, (int)bytes);
	whole = json_object_is_type(o, json_type_object) && json_tokener_get_parse_end(t) == bytes;
	json_tokener_free(t);
	if (!whole) {
		json_object_put(o);
		return NULL;
	}
	return o;
}

static bool is_space(char c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

void fields_init(struct fields *f, const char *text, size_t bytes, char why[FIELDS_WHY_BYTES])
{
	while (bytes > 0 && is_space(text[bytes - 1]))
		bytes--;
	*f = (struct fields){.o = object_read(text, bytes), .why = why};
	if (!f->o)
		fields_wrong(f, "there is no JSON object");
}

int fields_done(struct fields *f)
{
	if (!f->error && json_object_object_length(f->o) != f->members)
		fields_wrong(f, "it has members that this version of zcrxd does not know");
	json_object_put(f->o);
	f->o = NULL;
	return f->error;
}

static struct json_object *member(struct fields *f, const char *key)
{
	struct json_object *value = NULL;

	f->members++;
	if (!f->error && !json_object_object_get_ex(f->o, key, &value))
		fields_wrong(f, "%s is missing", key);
	return value;
}

static uint32_t number(struct fields *f, const char *key, struct json_object *value, uint32_t least,
		       uint32_t most)
{
	int64_t n = json_object_get_int64(value);

	if (!f->error && (!json_object_is_type(value, json_type_int) || n < least || n > most))
		fields_wrong(f, "%s has what is no number from %u to %u", key, least, most);
	return f->error ? 0 : (uint32_t)n;
}

uint32_t field_number(struct fields *f, const char *key, uint32_t least, uint32_t most)
{
	return number(f, key, member(f, key), least, most);
}

bool field_flag(struct fields *f, const char *key)
{
	struct json_object *value = member(f, key);

	if (!json_object_is_type(value, json_type_boolean))
		fields_wrong(f, "%s is neither true nor false", key);
	return json_object_get_boolean(value);
}

void field_text(struct fields *f, const char *key, char *ret, size_t least, size_t room)
{
	struct json_object *value = member(f, key);
	const char *s =
		json_object_is_type(value, json_type_string) ? json_object_get_string(value) : "\n";
	size_t n = (size_t)json_object_get_string_len(value);

	if (n < least || n >= room || strspn(s, PRINTABLE) != n || s[n])
		fields_wrong(f, "%s is no text of %zu to %zu printable characters", key, least,
			     room - 1);
	if (f->error)
		return;
	memcpy(ret, s, n);
	ret[n] = '\0';
}

void field_numbers(struct fields *f, const char *key, const struct field_list *l, uint32_t **ret,
		   uint32_t *ret_n)
{
	struct json_object *list = member(f, key);
	size_t n = json_object_is_type(list, json_type_array) ? json_object_array_length(list) : 0;

	if (l->may_be_none && !list)
		return;
	if (n == 0 || n > l->n_most)
		fields_wrong(f, "%s is no list of 1 to %u numbers", key, l->n_most);
	if (f->error || n == 0)
		return;
	*ret = calloc(n, sizeof(**ret));
	if (!*ret) {
		f->error = -ENOMEM;
		return;
	}
	*ret_n = (uint32_t)n;
	for (size_t i = 0; i < n; i++)
		(*ret)[i] = number(f, key, json_object_array_get_idx(list, i), 0, l->most);
}
