/* SPDX-License-Identifier: MIT */
#include "nic/rule_notes.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "nic/journal.h"
#include "nic/rule_line.h"

void rule_notes_init(struct rule_notes *notes)
{
	*notes = (struct rule_notes){.fd = -1};
}

void rule_notes_done(struct rule_notes *notes)
{
	if (notes->fd >= 0)
		close(notes->fd);
	free(notes->free_lines);
	*notes = (struct rule_notes){.fd = -1, .generation = notes->generation};
}

/*
 * Finds where the rule lines start. The first line, which is of another kind, is as long as a whole
 * number of rule lines.
 */
static int start_find(int fd, off_t *ret)
{
	char last = ' ';
	off_t at = 0;

	while (last != '\n') {
		ssize_t n = pread(fd, &last, 1, at + RULE_LINE_BYTES - 1);

		if (n <= 0)
			return n < 0 ? -errno : -EBADMSG;
		at += RULE_LINE_BYTES;
	}
	*ret = at;
	return 0;
}

static int rules_forget(const struct rule_notes *notes)
{
	struct stat st;

	if (fstat(notes->fd, &st) < 0)
		return -errno;
	return st.st_size > notes->start && ftruncate(notes->fd, notes->start) < 0 ? -errno : 0;
}

int rule_notes_open(struct rule_notes *notes, const char *dir, const char *nic)
{
	struct rule_notes fresh = {.fd = -1, .generation = notes->generation + 1};
	int r;

	r = journal_open(dir, nic, &fresh.fd);
	if (r == 0)
		r = start_find(fresh.fd, &fresh.start);
	if (r == 0)
		r = rules_forget(&fresh);
	if (r < 0) {
		rule_notes_done(&fresh);
		return r;
	}
	rule_notes_done(notes);
	*notes = fresh;
	return 0;
}

static int line_write(const struct rule_notes *notes, uint32_t line, const struct nic_rule *rule)
{
	char text[RULE_LINE_BYTES];
	ssize_t n;

	rule_line_print(text, rule);
	n = pwrite(notes->fd, text, sizeof(text), notes->start + (off_t)line * RULE_LINE_BYTES);
	if (n < 0)
		return -errno;
	return n == sizeof(text) ? 0 : -ENOSPC;
}

/* Makes room for one more line, and in the list of free lines for its number. */
static int line_new(struct rule_notes *notes)
{
	uint32_t *lines = reallocarray(notes->free_lines, notes->n + 1, sizeof(*lines));

	if (!lines)
		return -ENOMEM;
	notes->free_lines = lines;
	lines[notes->n_free++] = notes->n++;
	return 0;
}

/* Reads the line of this number. Returns false if there are no further ones. */
static bool line_take(struct rule_notes *notes, uint32_t line,
		      bool (*take)(void *data, const struct nic_rule *rule, struct rule_note note),
		      void *data)
{
	char text[RULE_LINE_BYTES], why[FIELDS_WHY_BYTES];
	const struct rule_note note = {.line = line, .generation = notes->generation};
	struct nic_rule rule;
	bool taken;

	if (pread(notes->fd, text, sizeof(text), notes->start + (off_t)line * RULE_LINE_BYTES) !=
	    sizeof(text))
		return false;
	taken = rule_line_parse(&rule, text, why) == 0 && take(data, &rule, note);
	if (line_new(notes) < 0)
		return false;
	if (taken)
		notes->n_free--;
	else
		line_write(notes, line, NULL);
	return true;
}

int rule_notes_resume(struct rule_notes *notes, const char *dir, const char *nic,
		      bool (*take)(void *data, const struct nic_rule *rule, struct rule_note note),
		      void *data)
{
	struct rule_notes fresh = {.fd = -1, .generation = notes->generation + 1};
	int r;

	r = journal_open(dir, nic, &fresh.fd);
	if (r == 0)
		r = start_find(fresh.fd, &fresh.start);
	while (r == 0 && line_take(&fresh, fresh.n, take, data))
		;
	if (r < 0) {
		rule_notes_done(&fresh);
		return r;
	}
	rule_notes_done(notes);
	*notes = fresh;
	return 0;
}

int rule_notes_add(struct rule_notes *notes, const struct nic_rule *rule, struct rule_note *ret)
{
	uint32_t line;
	int r = notes->n_free > 0 ? 0 : line_new(notes);

	if (r < 0)
		return r;
	line = notes->free_lines[notes->n_free - 1];
	r = line_write(notes, line, rule);
	if (r < 0)
		return r;
	notes->n_free--;
	*ret = (struct rule_note){.line = line, .generation = notes->generation};
	return 0;
}

/*
 * Strikes a note. If that cannot be written, the journal has a rule that is not there any more,
 * which does no harm.
 */
void rule_notes_strike(struct rule_notes *notes, struct rule_note note)
{
	if (notes->fd < 0 || note.generation != notes->generation)
		return;
	line_write(notes, note.line, NULL);
	notes->free_lines[notes->n_free++] = note.line;
}
