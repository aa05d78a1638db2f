/* SPDX-License-Identifier: MIT */
#include "policy/config_file.h"

#include <errno.h>
#include <ini.h>
#include <stdlib.h>
#include <string.h>

#include "base/size.h"
#include "policy/config_check.h"
#include "policy/explain.h"
#include "policy/keys.h"

#define SOCKETS         "sockets"
#define ZCRX            "zcrx"
#define NIC_SECTION     "nic "
#define CLASS_SECTION   "class "
#define KNOWN_SECTIONS  "[sockets] [zcrx] [class NAME] [nic NAME]"
#define NIC_NAME_CHARS  "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-:@"
#define BLANKS          " \t\r\f\v"
#define BYTE_ORDER_MARK "\xef\xbb\xbf"
/* Names of classes are also those of systemd's descriptors. */
#define CLASS_NAME_CHARS "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-"

static const struct key socket_keys[] = {
	{"clients", KEY_TEXT, offsetof(struct config, clients)},
	{"status", KEY_TEXT, offsetof(struct config, status)},
	{"mode", KEY_MODE, offsetof(struct config, mode)},
	{"group", KEY_TEXT, offsetof(struct config, group)},
	{"state", KEY_TEXT, offsetof(struct config, state)},
};

static const struct key zcrx_keys[] = {
	{"fixed-in-this-kernel", KEY_HOLES, offsetof(struct config, fixed_holes)},
};

static const struct key nic_keys[] = {
	{"queues", KEY_QUEUES, offsetof(struct config_nic, queues)},
	{"linger-seconds", KEY_COUNT, offsetof(struct config_nic, linger_seconds)},
};

#define CLASS_KEY(name, type, member)                             \
	{                                                         \
		name, type, offsetof(struct policy_class, member) \
	}
#define LIMIT(name, type, kind) CLASS_KEY(name, type, limits.most[kind])

/* The first of them say who is of the class. */
enum {
	KEYS_OF_SOCKET = 3,
	KEYS_OF_MATCH = 2
};

static const struct key class_keys[] = {
	CLASS_KEY("socket", KEY_TEXT, socket),
	CLASS_KEY("mode", KEY_MODE, mode),
	CLASS_KEY("group", KEY_TEXT, group),
	CLASS_KEY("users", KEY_USERS, users),
	CLASS_KEY("groups", KEY_GROUPS, groups),
	CLASS_KEY("backends", KEY_BACKENDS, backends),
	CLASS_KEY("nics", KEY_NICS, nics),
	CLASS_KEY("local", KEY_ADDRESSES, local),
	CLASS_KEY("remote", KEY_ADDRESSES, remote),
	CLASS_KEY("host-flows", KEY_HOST, host),
	CLASS_KEY("udmabuf", KEY_FLAG, udmabuf),
	LIMIT("sessions", KEY_COUNT, ACCOUNT_SESSIONS),
	LIMIT("queues", KEY_COUNT, ACCOUNT_QUEUES),
	LIMIT("areas", KEY_COUNT, ACCOUNT_AREAS),
	LIMIT("area-bytes", KEY_BYTES, ACCOUNT_BYTES),
	LIMIT("flows", KEY_COUNT, ACCOUNT_FLOWS),
	LIMIT("listeners", KEY_COUNT, ACCOUNT_LISTENERS),
	CLASS_KEY("requests-per-second", KEY_COUNT, limits.requests_per_second),
	CLASS_KEY("leases-per-minute", KEY_COUNT, limits.leases_per_minute),
	CLASS_KEY("most-users", KEY_COUNT, limits.most_users),
};

struct reader {
	struct config *config;
	struct mistakes mistakes;
	FILE *file;
	int line;
	char header[INI_MAX_LINE]; /* the line just read, behind the bracket it begins with */
	bool key;                  /* the section has had one */
	bool goes_on;              /* the line just read, with the value of the key before */
};

static void section_begin(struct reader *r, const char *section);

/*
 * inih says nothing of a section without keys. So the line before is looked at again: if it began
 * with a bracket and was no value (line_handle()), it was a header.
 */
static void header_finish(struct reader *r)
{
	char *end = strchr(r->header, ']');
	if (end) {
		*end = '\0';
		r->key = false;
		section_begin(r, r->header);
	}
	*r->header = '\0';
}

/* inih does so itself, but not where a line goes on with the value of the one before. */
static void comment_cut(char *line)
{
	char *at = line;
	while ((at = strchr(at + 1, ';')) && !strchr(BLANKS, at[-1]))
		;
	if (at)
		*at = '\0';
}

/*
 * inih's handlers are not told the line, so it is counted where lines are read. What inih has no
 * room for it would take for the next line.
 */
static char *line_read(char *room, int bytes, void *user)
{
	struct reader *r = user;
	header_finish(r);
	r->line++;
	if (!fgets(room, bytes, r->file))
		return NULL;
	int c = '\n', rest = 0;
	if (!strchr(room, '\n'))
		while ((c = getc(r->file)) != EOF && c != '\n')
			rest++;
	const char *start = room + strspn(room, BLANKS);
	if (rest > 0 && *start != '#' && *start != ';')
		mistake(&r->mistakes, r->line, "the line is longer than %d bytes", bytes - 1);
	if (r->line == 1 && strncmp(start, BYTE_ORDER_MARK, strlen(BYTE_ORDER_MARK)) == 0)
		start += strlen(BYTE_ORDER_MARK);
	r->goes_on = start > room && r->key;
	if (start > room)
		comment_cut(room);
	if (*start == '[')
		snprintf(r->header, sizeof(r->header), "%s", start + 1);
	return room;
}

/* What a section is called, and its keys. */
struct section {
	const char *name;
	const struct key *keys;
	size_t n;
};

static void unknown_key(struct reader *r, const struct section *s, const char *name)
{
	char known[400] = "";
	for (size_t i = 0; i < s->n; i++) {
		strncat(known, " ", sizeof(known) - strlen(known) - 1);
		strncat(known, s->keys[i].name, sizeof(known) - strlen(known) - 1);
	}
	mistake(&r->mistakes, r->line, "unknown key '%s'; known in [%s]:%s", name, s->name, known);
}

/*
 * For inih an indented line is another value of the key before: only a list can have that. What was
 * meant for a key of its own is not swallowed, and no value is too long to be printed in its line.
 */
static bool is_second_value(struct reader *r, const char *name, const char *value)
{
	if (r->goes_on)
		mistake(&r->mistakes, r->line,
			"the line is indented, so '%s' goes on with the value of %s, which has one; "
			"write it at the line's start",
			value, name);
	return r->goes_on;
}

/* A line of a section whose keys are in a table. */
static void table_line(struct reader *r, const struct section *s, void *object, const char *name,
		       const char *value)
{
	const struct key *key = key_find(s->keys, s->n, name);
	if (!key) {
		unknown_key(r, s, name);
		return;
	}
	if (!key_adds_up(key) && is_second_value(r, name, value))
		return;
	int result = key_parse(key, object, value);
	if (result == -ENOENT)
		mistake(&r->mistakes, r->line, "%s=%s: there is no such %s", name, value,
			key->type == KEY_USERS ? "user" : "group");
	else if (result < 0 && result != -EINVAL)
		mistake(&r->mistakes, r->line, "%s=%s: it cannot be looked up: %s", name, value,
			strerrordesc_np(-result));
	else if (result < 0)
		mistake(&r->mistakes, r->line, "%s=%s: expected %s", name, value,
			key_expected(key));
}

static const struct section socket_section = {SOCKETS, socket_keys, ARRAY_LENGTH(socket_keys)};
static const struct section zcrx_section = {ZCRX, zcrx_keys, ARRAY_LENGTH(zcrx_keys)};
static const struct section nic_section = {"nic NAME", nic_keys, ARRAY_LENGTH(nic_keys)};
static const struct section class_section = {"class NAME", class_keys, ARRAY_LENGTH(class_keys)};

static bool is_class_name(const char *name)
{
	size_t n = strlen(name);
	return n > 0 && n < POLICY_NAME_BYTES && strspn(name, CLASS_NAME_CHARS) == n &&
	       strcmp(name, "clients") != 0 && strcmp(name, "status") != 0;
}

/* There is one from its header on, with the defaults. */
static void class_begin(struct reader *r, const char *name)
{
	if (!is_class_name(name)) {
		mistake(&r->mistakes, r->line,
			"[class %s]: a name has up to %d letters, digits and .-_, and is neither "
			"clients nor status",
			name, POLICY_NAME_BYTES - 1);
		return;
	}
	struct policy_class *c = policy_class_get(&r->config->policy, name);
	if (!c)
		mistake(&r->mistakes, r->line, "out of memory");
	else if (!c->line)
		c->line = r->line;
}

static void class_line(struct reader *r, const char *name, const char *key, const char *value)
{
	struct policy_class *c = policy_class_find(&r->config->policy, name);
	if (c)
		table_line(r, &class_section, c, key, value);
}

/* The kernel takes more; these are what names are made of, and what the file can hold. */
static bool is_nic_name(const char *name)
{
	size_t n = strlen(name);
	return n > 0 && n < IF_NAMESIZE && strspn(name, NIC_NAME_CHARS) == n;
}

static struct config_nic **nic_at(struct config *c, const char *name)
{
	struct config_nic **at = &c->nics;
	while (*at && strcmp((*at)->name, name) != 0)
		at = &(*at)->next;
	return at;
}

static void nic_begin(struct reader *r, const char *name)
{
	struct config_nic **at = nic_at(r->config, name);
	if (!is_nic_name(name)) {
		mistake(&r->mistakes, r->line, "[nic %s]: not the name of an interface", name);
		return;
	}
	if (!*at)
		*at = config_nic_new(name);
	if (!*at) {
		mistake(&r->mistakes, r->line, "out of memory");
		return;
	}
	(*at)->line = r->line;
}

static void nic_line(struct reader *r, const char *name, const char *key, const char *value)
{
	struct config_nic *nic = *nic_at(r->config, name);
	if (nic)
		table_line(r, &nic_section, nic, key, value);
}

/* The name in a section's, if it is of this kind. */
static const char *named(const char *section, const char *kind)
{
	size_t n = strlen(kind);
	return strncmp(section, kind, n) == 0 ? section + n : NULL;
}

static void section_begin(struct reader *r, const char *section)
{
	const char *nic = named(section, NIC_SECTION), *class = named(section, CLASS_SECTION);
	if (nic)
		nic_begin(r, nic);
	else if (class)
		class_begin(r, class);
	else if (strcmp(section, SOCKETS) != 0 && strcmp(section, ZCRX) != 0)
		mistake(&r->mistakes, r->line, "there is no section [%s]; known: " KNOWN_SECTIONS,
			section);
}

/*
 * inih: 1 goes on, 0 is an error at this line. All are reported, so it always goes on. What is in a
 * section that could not begin was reported there.
 */
static int line_handle(void *user, const char *section, const char *name, const char *value)
{
	struct reader *r = user;
	const char *nic = named(section, NIC_SECTION), *class = named(section, CLASS_SECTION);
	*r->header = '\0';
	r->key = *name;
	if (nic)
		nic_line(r, nic, name, value);
	else if (class)
		class_line(r, class, name, value);
	else if (strcmp(section, SOCKETS) == 0)
		table_line(r, &socket_section, r->config, name, value);
	else if (strcmp(section, ZCRX) == 0)
		table_line(r, &zcrx_section, r->config, name, value);
	else if (!*section)
		mistake(&r->mistakes, r->line, "key '%s' is in no section; known: " KNOWN_SECTIONS,
			name);
	return 1;
}

int config_read(struct config *c, const char *path)
{
	struct reader r = {.config = c, .mistakes.path = path, .file = fopen(path, "re")};
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
	if (r.mistakes.n == 0)
		config_check(c, &r.mistakes);
	return r.mistakes.n ? -EINVAL : 0;
}

static void keys_print(const struct key *keys, size_t n, const void *object, FILE *out)
{
	for (size_t i = 0; i < n; i++)
		key_print(&keys[i], object, out);
}

/* Not all keys are for every class. */
static void class_print(const struct policy_class *c, FILE *out)
{
	bool matches = !c->socket && strcmp(c->name, POLICY_DEFAULT) != 0;
	fprintf(out, "\n[%s%s]\n", CLASS_SECTION, c->name);
	explain_class(c, "; ", out);
	if (c->socket)
		keys_print(class_keys, KEYS_OF_SOCKET, c, out);
	if (matches)
		keys_print(class_keys + KEYS_OF_SOCKET, KEYS_OF_MATCH, c, out);
	size_t who = KEYS_OF_SOCKET + KEYS_OF_MATCH;
	keys_print(class_keys + who, ARRAY_LENGTH(class_keys) - who, c, out);
}

void config_print(const struct config *c, FILE *out)
{
	fprintf(out, "[%s]\n", SOCKETS);
	keys_print(socket_keys, ARRAY_LENGTH(socket_keys), c, out);
	fprintf(out, "\n[%s]\n", ZCRX);
	keys_print(zcrx_keys, ARRAY_LENGTH(zcrx_keys), c, out);
	for (const struct config_nic *nic = c->nics; nic; nic = nic->next) {
		fprintf(out, "\n[" NIC_SECTION "%s]\n", nic->name);
		keys_print(nic_keys, ARRAY_LENGTH(nic_keys), nic, out);
	}
	for (const struct policy_class *class = c->policy.classes; class; class = class->next)
		class_print(class, out);
}
