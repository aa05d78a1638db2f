/* SPDX-License-Identifier: MIT */
#include "config.h"

#include <errno.h>
#include <ini.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "../proto/wire.h"
#include "util.h"

#define STATE_PATH     "/run/zcrxd"
#define NIC_SECTION    "nic "
#define NIC_NAME_CHARS "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-:@"

enum type {
	TEXT,
	MODE,
	COUNT,
	BYTES,
	FLAG
};

static const struct key {
	const char *section, *name;
	enum type type;
	size_t offset;
} keys[] = {
	{"sockets", "clients", TEXT, offsetof(struct config, clients)},
	{"sockets", "status", TEXT, offsetof(struct config, status)},
	{"sockets", "mode", MODE, offsetof(struct config, mode)},
	{"sockets", "group", TEXT, offsetof(struct config, group)},
	{"sockets", "state", TEXT, offsetof(struct config, state)},
	{"limits", "sessions", COUNT, offsetof(struct config, limits.most[ACCOUNT_SESSIONS])},
	{"limits", "queues", COUNT, offsetof(struct config, limits.most[ACCOUNT_QUEUES])},
	{"limits", "flows", COUNT, offsetof(struct config, limits.most[ACCOUNT_FLOWS])},
	{"limits", "area-bytes", BYTES, offsetof(struct config, limits.most[ACCOUNT_BYTES])},
	{"limits", "requests-per-second", COUNT,
	 offsetof(struct config, limits.requests_per_second)},
	{"policy", "host-flows", FLAG, offsetof(struct config, limits.host_flows)},
};

struct reader {
	struct config *config;
	const char *path;
	FILE *file;
	int line, errors;
};

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

static int parse(const struct key *key, struct config *c, const char *value)
{
	void *field = (char *)c + key->offset;
	switch (key->type) {
	case TEXT:
		return parse_text(value, field);
	case MODE:
		return parse_mode(value, field);
	case COUNT:
	case BYTES:
		return parse_number(value, key->type == BYTES, field);
	case FLAG:
		*(bool *)field = strcmp(value, "yes") == 0;
		return *(bool *)field || strcmp(value, "no") == 0 ? 0 : -EINVAL;
	}
	return -EINVAL;
}

static const char *expected(enum type type)
{
	static const char *const texts[] = {
		[TEXT] = "text",      [MODE] = "an octal mode such as 0660",
		[COUNT] = "a number", [BYTES] = "a number of bytes, with K, M, G or T if you like",
		[FLAG] = "yes or no",
	};
	return texts[type];
}

static void print_known(const char *section)
{
	bool any = false;
	for (size_t i = 0; i < ARRAY_LENGTH(keys); i++)
		any |= strcmp(keys[i].section, section) == 0;
	if (any)
		fprintf(stderr, "known in [%s]:", section);
	else
		fprintf(stderr, "there is no section [%s]; known:", section);
	for (size_t i = 0; i < ARRAY_LENGTH(keys); i++) {
		if (!any)
			fprintf(stderr, " [%s] %s", keys[i].section, keys[i].name);
		else if (strcmp(keys[i].section, section) == 0)
			fprintf(stderr, " %s", keys[i].name);
	}
	fprintf(stderr, "\n");
}

/*
 * inih's handlers are not told the line, so it is counted where lines are read. What inih has no
 * room for it would take for the next line.
 */
static char *line_read(char *room, int bytes, void *user)
{
	struct reader *r = user;
	r->line++;
	if (!fgets(room, bytes, r->file))
		return NULL;
	int c = '\n', rest = 0;
	if (!strchr(room, '\n'))
		while ((c = getc(r->file)) != EOF && c != '\n')
			rest++;
	const char *start = room + strspn(room, " \t");
	if (rest > 0 && *start != '#' && *start != ';') {
		fprintf(stderr, "%s:%d: the line is longer than %d bytes\n", r->path, r->line,
			bytes - 1);
		r->errors++;
	}
	return room;
}

/* The kernel takes more; these are what names are made of, and what the file can hold. */
static bool is_nic_name(const char *name)
{
	size_t n = strlen(name);
	return n > 0 && n < IF_NAMESIZE && strspn(name, NIC_NAME_CHARS) == n;
}

static struct config_nic *nic_get(struct config *c, const char *name)
{
	struct config_nic **at = &c->nics;
	if (!is_nic_name(name))
		return NULL;
	while (*at && strcmp((*at)->name, name) != 0)
		at = &(*at)->next;
	if (!*at)
		*at = calloc(1, sizeof(**at));
	if (*at)
		memcpy((*at)->name, name, strlen(name));
	return *at;
}

/* A line of [nic NAME]. */
static void nic_line(struct reader *r, const char *name, const char *key, const char *value)
{
	struct config_nic *nic = nic_get(r->config, name);
	if (!nic)
		fprintf(stderr, "%s:%d: [nic %s]: not the name of an interface\n", r->path, r->line,
			name);
	else if (strcmp(key, "queues") != 0)
		fprintf(stderr, "%s:%d: unknown key '%s'; known in [nic NAME]: queues\n", r->path,
			r->line, key);
	else if (nic_queues_parse(&nic->queues, value) < 0)
		fprintf(stderr, "%s:%d: queues=%s: expected numbers and ranges, such as 2-5,7\n",
			r->path, r->line, value);
	else
		return;
	r->errors++;
}

/* inih: 1 goes on, 0 is an error at this line. All are reported, so it always goes on. */
static int line_handle(void *user, const char *section, const char *name, const char *value)
{
	struct reader *r = user;
	if (strncmp(section, NIC_SECTION, strlen(NIC_SECTION)) == 0) {
		nic_line(r, section + strlen(NIC_SECTION), name, value);
		return 1;
	}
	for (size_t i = 0; i < ARRAY_LENGTH(keys); i++) {
		if (strcmp(keys[i].section, section) != 0 || strcmp(keys[i].name, name) != 0)
			continue;
		if (parse(&keys[i], r->config, value) < 0) {
			fprintf(stderr, "%s:%d: %s=%s: expected %s\n", r->path, r->line, name,
				value, expected(keys[i].type));
			r->errors++;
		}
		return 1;
	}
	fprintf(stderr, "%s:%d: unknown key '%s'; ", r->path, r->line, name);
	print_known(section);
	r->errors++;
	return 1;
}

int config_init(struct config *c)
{
	*c = (struct config){
		.clients = strdup(WIRE_SOCKET_PATH),
		.status = strdup(WIRE_STATUS_PATH),
		.state = strdup(STATE_PATH),
		.mode = 0660,
	};
	c->limits.most[ACCOUNT_SESSIONS] = 256;
	c->limits.most[ACCOUNT_QUEUES] = 256;
	c->limits.most[ACCOUNT_FLOWS] = 4096;
	c->limits.most[ACCOUNT_BYTES] = 4ull << 30;
	c->limits.requests_per_second = 10000;
	return c->clients && c->status && c->state ? 0 : -ENOMEM;
}

void config_done(struct config *c)
{
	free(c->clients);
	free(c->status);
	free(c->group);
	free(c->state);
	while (c->nics) {
		struct config_nic *nic = c->nics;
		c->nics = nic->next;
		nic_queues_done(&nic->queues);
		free(nic);
	}
}

static int validate(const struct config *c, const char *path)
{
	int r = 0;
	if (!c->clients || !c->status || !c->state) {
		fprintf(stderr, "%s: [sockets] clients, status and state must not be empty\n",
			path);
		r = -EINVAL;
	}
	if (c->limits.requests_per_second == 0) {
		fprintf(stderr, "%s: [limits] requests-per-second must be at least 1\n", path);
		r = -EINVAL;
	}
	return r;
}

int config_read(struct config *c, const char *path)
{
	struct reader r = {.config = c, .path = path, .file = fopen(path, "re")};
	if (!r.file)
		return -errno;
	int bad_line = ini_parse_stream(line_read, &r, line_handle, &r);
	fclose(r.file);
	if (bad_line < 0)
		return -ENOMEM;
	if (bad_line > 0) {
		fprintf(stderr, "%s:%d: neither [section] nor key=value\n", path, bad_line);
		return -EINVAL;
	}
	return r.errors ? -EINVAL : validate(c, path);
}

static void value_print(const struct key *key, const struct config *c, FILE *out)
{
	const void *field = (const char *)c + key->offset;
	switch (key->type) {
	case TEXT:
		fprintf(out, "%s", *(char *const *)field ? *(char *const *)field : "");
		break;
	case MODE:
		fprintf(out, "%04o", (unsigned)*(const mode_t *)field);
		break;
	case COUNT:
	case BYTES:
		fprintf(out, "%llu", (unsigned long long)*(const uint64_t *)field);
		break;
	case FLAG:
		fprintf(out, "%s", *(const bool *)field ? "yes" : "no");
		break;
	}
}

void config_print(const struct config *c, FILE *out)
{
	const char *section = "";
	for (size_t i = 0; i < ARRAY_LENGTH(keys); i++) {
		if (strcmp(section, keys[i].section) != 0)
			fprintf(out, "%s[%s]\n", i ? "\n" : "", keys[i].section);
		section = keys[i].section;
		fprintf(out, "%s=", keys[i].name);
		value_print(&keys[i], c, out);
		fputc('\n', out);
	}
	for (const struct config_nic *nic = c->nics; nic; nic = nic->next) {
		fprintf(out, "\n[nic %s]\nqueues=", nic->name);
		nic_queues_print(&nic->queues, out);
		fputc('\n', out);
	}
}
