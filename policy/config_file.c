/* SPDX-License-Identifier: MIT */
#include "policy/config_file.h"

#include <errno.h>
#include <ini.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "policy/config_check.h"
#include "policy/config_lines.h"
#include "policy/sections.h"

#define KNOWN_SECTIONS "[sockets] [pumps] [zcrx] [class NAME] [nic NAME]"
#define NIC_NAME_CHARS "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-:@"
/* A class's name is also the name of its descriptor from systemd, so it is made of these. */
#define CLASS_NAME_CHARS "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-"

/* A key that was read, of this object, in this line. */
struct given {
	const struct key *key;
	const void *object;
	int line;
};

struct reader {
	struct config *config;
	struct mistakes mistakes;
	struct config_lines lines;
	struct given *given;
	size_t n_given;
};

static void unknown_key(struct reader *r, const struct section *s, const char *name)
{
	char known[400] = "";
	for (size_t i = 0; i < s->n; i++) {
		strncat(known, " ", sizeof(known) - strlen(known) - 1);
		strncat(known, s->keys[i].name, sizeof(known) - strlen(known) - 1);
	}
	mistake(&r->mistakes, r->lines.line, "unknown key '%s'; known in [%s]:%s", name, s->name,
		known);
}

/*
 * inih takes an indented line for another value of the key before. Only a list can have several; of
 * any other key the second value is refused.
 */
static bool is_second_value(struct reader *r, const char *name, const char *value)
{
	if (r->lines.goes_on)
		mistake(&r->mistakes, r->lines.line,
			"the line is indented, so '%s' goes on with the value of %s, which has one; "
			"write it at the line's start",
			value, name);
	return r->lines.goes_on;
}

/*
 * Is the key given in an earlier line of this section, or of another one with this title? Then the
 * second line is refused. Else the key counts as given.
 */
static bool is_given_already(struct reader *r, const struct key *key, const void *object)
{
	for (size_t i = 0; i < r->n_given; i++) {
		const struct given *g = &r->given[i];
		if (g->key != key || g->object != object)
			continue;
		mistake(&r->mistakes, r->lines.line,
			"%s= is given in line %d already; keep one of them", key->name, g->line);
		return true;
	}
	struct given *more = reallocarray(r->given, r->n_given + 1, sizeof(*more));
	if (!more) {
		mistake(&r->mistakes, r->lines.line, "out of memory");
		return true;
	}
	r->given = more;
	r->given[r->n_given++] = (struct given){key, object, r->lines.line};
	return false;
}

/* Keeps in which line a group is named: it is looked up later. */
static void group_keep(struct reader *r, const struct section *s, const char *name, void *object)
{
	if (strcmp(name, "group") != 0)
		return;
	if (s == &section_class)
		((struct policy_class *)object)->group_line = r->lines.line;
	else
		r->config->group_line = r->lines.line;
}

/*
 * Takes a line: finds the key in the section's table and parses the value into the object's field.
 */
static void table_line(struct reader *r, const struct section *s, void *object, const char *name,
		       const char *value)
{
	const struct key *key = key_find(s->keys, s->n, name);
	if (!key) {
		unknown_key(r, s, name);
		return;
	}
	if (!key_adds_up(key) &&
	    (is_second_value(r, name, value) || is_given_already(r, key, object)))
		return;
	group_keep(r, s, name, object);
	int result = key_parse(key, object, value);
	if (result == -ENOENT)
		mistake(&r->mistakes, r->lines.line, "%s=%s: there is no such %s", name, value,
			key->type == KEY_USERS ? "user" : "group");
	else if (result < 0 && result != -EINVAL)
		mistake(&r->mistakes, r->lines.line, "%s=%s: it cannot be looked up: %s", name,
			value, strerrordesc_np(-result));
	else if (result < 0)
		mistake(&r->mistakes, r->lines.line, "%s=%s: expected %s", name, value,
			key_expected(key));
}

static bool is_class_name(const char *name)
{
	size_t n = strlen(name);
	return n > 0 && n < POLICY_NAME_BYTES && strspn(name, CLASS_NAME_CHARS) == n &&
	       strcmp(name, "clients") != 0 && strcmp(name, "status") != 0;
}

/* Makes the class, with the defaults, when its header is read. */
static void class_begin(struct reader *r, const char *name)
{
	if (!is_class_name(name)) {
		mistake(&r->mistakes, r->lines.line,
			"[class %s]: a name has up to %d letters, digits and .-_, and is neither "
			"clients nor status",
			name, POLICY_NAME_BYTES - 1);
		return;
	}
	struct policy_class *c = policy_class_get(&r->config->policy, name);
	if (!c)
		mistake(&r->mistakes, r->lines.line, "out of memory");
	else if (!c->line)
		c->line = r->lines.line;
}

static void class_line(struct reader *r, const char *name, const char *key, const char *value)
{
	struct policy_class *c = policy_class_find(&r->config->policy, name);
	if (c)
		table_line(r, &section_class, c, key, value);
}

/*
 * The kernel allows more characters. These are what names are made of in practice, and what an INI
 * file can hold.
 */
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
		mistake(&r->mistakes, r->lines.line, "[nic %s]: not the name of an interface",
			name);
		return;
	}
	if (!*at)
		*at = config_nic_new(name);
	if (!*at) {
		mistake(&r->mistakes, r->lines.line, "out of memory");
		return;
	}
	(*at)->line = r->lines.line;
}

static void nic_line(struct reader *r, const char *name, const char *key, const char *value)
{
	struct config_nic *nic = *nic_at(r->config, name);
	if (nic)
		table_line(r, &section_nic, nic, key, value);
}

/* The name in the title of a section of this kind, or NULL if the section is of another. */
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
		 strcmp(section, section_pumps.name) != 0 &&
		 strcmp(section, section_zcrx.name) != 0)
		mistake(&r->mistakes, r->lines.line,
			"there is no section [%s]; known: " KNOWN_SECTIONS, section);
}

/*
 * Called by inih for each key and value. It always returns 1, so that inih goes on and every
 * mistake is printed. Keys of a section that could not begin are skipped, since the section's
 * mistake was printed.
 */
static int line_handle(void *user, const char *section, const char *name, const char *value)
{
	struct reader *r = user;
	const char *nic = named(section, SECTION_NIC), *class = named(section, SECTION_CLASS);
	config_lines_handled(&r->lines, name);
	if (nic)
		nic_line(r, nic, name, value);
	else if (class)
		class_line(r, class, name, value);
	else if (strcmp(section, section_sockets.name) == 0)
		table_line(r, &section_sockets, r->config, name, value);
	else if (strcmp(section, section_pumps.name) == 0)
		table_line(r, &section_pumps, r->config, name, value);
	else if (strcmp(section, section_zcrx.name) == 0)
		table_line(r, &section_zcrx, r->config, name, value);
	else if (!*section)
		mistake(&r->mistakes, r->lines.line,
			"key '%s' is in no section; known: " KNOWN_SECTIONS, name);
	return 1;
}

/* Called by inih for each line, and once more at the end. */
static char *line_read(char *room, int bytes, void *user)
{
	struct reader *r = user;
	const char *section = config_lines_header(&r->lines);
	if (section)
		section_begin(r, section);
	char *line = config_lines_read(&r->lines, room, bytes);
	if (line && r->lines.is_cut)
		mistake(&r->mistakes, r->lines.line, "the line is longer than %d bytes", bytes - 1);
	return line;
}

int config_read(struct config *c, const char *path)
{
	struct reader r = {.config = c, .mistakes.path = path, .lines.file = fopen(path, "re")};
	if (!r.lines.file)
		return -errno;
	int bad_line = ini_parse_stream(line_read, &r, line_handle, &r);
	fclose(r.lines.file);
	free(r.given);
	if (r.lines.error < 0 || bad_line < 0)
		return r.lines.error < 0 ? r.lines.error : -ENOMEM;
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
		fprintf(stderr, "%s: %s: %s\n", program_invocation_short_name, name,
			strerrordesc_np(-r));
	return r;
}
