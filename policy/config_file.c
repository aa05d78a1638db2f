/* SPDX-License-Identifier: MIT */
#include "policy/config_file.h"

#include <errno.h>
#include <ini.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "policy/config_check.h"
#include "policy/sections.h"

#define KNOWN_SECTIONS  "[sockets] [zcrx] [class NAME] [nic NAME]"
#define NIC_NAME_CHARS  "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-:@"
#define BLANKS          " \t\r\f\v"
#define BYTE_ORDER_MARK "\xef\xbb\xbf"
/* Names of classes are also those of systemd's descriptors. */
#define CLASS_NAME_CHARS "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-"

struct reader {
	struct config *config;
	struct mistakes mistakes;
	FILE *file;
	int error; /* of reading it; inih takes that for the file's end */
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
	if (!fgets(room, bytes, r->file)) {
		r->error = ferror(r->file) ? -errno : 0;
		return NULL;
	}
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
		table_line(r, &section_class, c, key, value);
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
		table_line(r, &section_nic, nic, key, value);
}

/* The name in a section's, if it is of this kind. */
static const char *named(const char *section, const char *kind)
{
	size_t n = strlen(kind);
	return strncmp(section, kind, n) == 0 ? section + n : NULL;
}

static void section_begin(struct reader *r, const char *section)
{
	const char *nic = named(section, SECTION_NIC), *class = named(section, SECTION_CLASS);
	if (nic)
		nic_begin(r, nic);
	else if (class)
		class_begin(r, class);
	else if (strcmp(section, section_sockets.name) != 0 &&
		 strcmp(section, section_zcrx.name) != 0)
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
	const char *nic = named(section, SECTION_NIC), *class = named(section, SECTION_CLASS);
	*r->header = '\0';
	r->key = *name;
	if (nic)
		nic_line(r, nic, name, value);
	else if (class)
		class_line(r, class, name, value);
	else if (strcmp(section, section_sockets.name) == 0)
		table_line(r, &section_sockets, r->config, name, value);
	else if (strcmp(section, section_zcrx.name) == 0)
		table_line(r, &section_zcrx, r->config, name, value);
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
	if (r.error < 0 || bad_line < 0)
		return r.error < 0 ? r.error : -ENOMEM;
	if (bad_line > 0) {
		fprintf(stderr, "%s:%d: neither [section] nor key=value\n", path, bad_line);
		return -EINVAL;
	}
	if (r.mistakes.n == 0)
		config_check(c, &r.mistakes);
	return r.mistakes.n ? -EINVAL : 0;
}

int config_load(struct config *c, const char *path)
{
	const char *name = path ? path : CONFIG_PATH;
	int r = config_init(c);
	if (r == 0)
		r = config_read(c, name);
	if (r == -ENOENT && !path)
		return 0;
	if (r < 0 && r != -EINVAL)
		fprintf(stderr, "%s: %s\n", name, strerrordesc_np(-r));
	return r;
}
