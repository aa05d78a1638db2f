/* SPDX-License-Identifier: MIT */
#include "nic/before.h"

#include <errno.h>
#include <json-c/json.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "nic/change.h"

/* The number of the format. It is raised when the meaning of a member changes. */
#define FORMAT    2
#define RSS_MAX   65536u /* entries of an RSS table; more than any driver has */
#define RULES_MAX 65536u /* ntuple rules; more than any driver has */

static void settings_read(struct fields *f, struct nic_before *b)
{
	const struct field_list rss = {true, RSS_MAX, NIC_QUEUES_MAX - 1};
	const struct field_list queues = {false, NIC_QUEUES_MAX, NIC_QUEUES_MAX - 1};

	if (field_number(f, "format", 0, INT_MAX) != FORMAT)
		fields_wrong(f, "format is not %u, the one of this version of zcrxd", FORMAT);
	field_text(f, "boot", b->boot, sizeof(b->boot) - 1, sizeof(b->boot));
	b->card.ifindex = field_number(f, "ifindex", 1, INT_MAX);
	field_text(f, "device", b->card.bus_device, 0, sizeof(b->card.bus_device));
	field_text(f, "address", b->card.address, 0, sizeof(b->card.address));
	b->split = (int32_t)field_number(f, "split", NIC_SPLIT_AUTO, NIC_SPLIT_ON);
	b->threshold = field_number(f, "threshold", 0, UINT32_MAX);
	b->ntuple = field_flag(f, "ntuple");
	field_numbers(f, "rss", &rss, &b->rss, &b->rss_entries);
	field_numbers(f, "queues", &queues, &b->queues.ids, &b->queues.n);
	for (uint32_t i = 1; !f->error && i < b->queues.n; i++)
		if (b->queues.ids[i - 1] >= b->queues.ids[i])
			fields_wrong(f, "queues are not in ascending order");
}

/* Reads the rules, which are the lines behind the first. */
static int rules_read(struct nic_before *b, const char *lines, size_t bytes,
		      char why[FIELDS_WHY_BYTES])
{
	uint32_t n = (uint32_t)(bytes / RULE_LINE_BYTES);
	int r = 0;

	if (bytes % RULE_LINE_BYTES || bytes / RULE_LINE_BYTES > RULES_MAX) {
		snprintf(why, FIELDS_WHY_BYTES, "there is a line of the wrong length, or too many");
		return -EBADMSG;
	}
	b->rules = n ? calloc(n, sizeof(*b->rules)) : NULL;
	if (n && !b->rules)
		return -ENOMEM;
	for (uint32_t i = 0; r == 0 && i < n; i++) {
		struct nic_rule *rule = &b->rules[b->n_rules];

		r = rule_line_parse(rule, lines + (size_t)i * RULE_LINE_BYTES, why);
		if (r == 0 && !nic_queues_have(&b->queues, rule->queue)) {
			snprintf(why, FIELDS_WHY_BYTES,
				 "a rule steers to queue %u, none of zcrxd's", rule->queue);
			r = -EBADMSG;
		}
		b->n_rules += r == 0;
		r = r == -ENOENT ? 0 : r;
	}
	return r;
}

int nic_before_parse(struct nic_before *ret, const char *text, size_t bytes,
		     char why[FIELDS_WHY_BYTES])
{
	const char *end = memchr(text, '\n', bytes);
	size_t first = end ? (size_t)(end - text) + 1 : bytes;
	struct nic_before b = {0};
	struct fields f;
	int r;

	memcpy(b.name, ret->name, sizeof(b.name));
	fields_init(&f, text, first, why);
	settings_read(&f, &b);
	r = fields_done(&f);
	if (r == 0)
		r = rules_read(&b, text + first, bytes - first, why);
	if (r < 0)
		nic_before_done(&b);
	else
		*ret = b;
	return r;
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

/*
 * Prints the first line, as long as a whole number of rule lines, so that each rule line begins
 * where it can be replaced in place.
 */
static char *settings_print(const char *json)
{
	size_t n = strlen(json), bytes = (n / RULE_LINE_BYTES + 1) * RULE_LINE_BYTES;
	char *line = malloc(bytes + 1);

	if (!line)
		return NULL;
	memset(line, ' ', bytes);
	memcpy(line, json, n - 1);
	memcpy(line + bytes - 2, "}\n", sizeof("}\n"));
	return line;
}

char *nic_before_print(const struct nic_before *b)
{
	struct json_object *o = to_json(b);
	const char *json = o ? json_object_to_json_string_ext(o, JSON_C_TO_STRING_PLAIN) : NULL;
	char *line = json ? settings_print(json) : NULL;

	json_object_put(o);
	return line;
}

void nic_before_done(struct nic_before *b)
{
	free(b->rss);
	free(b->rules);
	nic_queues_done(&b->queues);
	*b = (struct nic_before){0};
}
