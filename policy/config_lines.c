/* SPDX-License-Identifier: MIT */
#include "policy/config_lines.h"

#include <errno.h>
#include <string.h>

#define BLANKS          " \t\r\f\v"
#define BYTE_ORDER_MARK "\xef\xbb\xbf"

const char *config_lines_header(struct config_lines *l)
{
	char *end = strchr(l->header, ']');
	if (!end)
		return NULL;
	*end = '\0';
	l->key = false;
	return l->header;
}

void config_lines_handled(struct config_lines *l, const char *name)
{
	*l->header = '\0';
	l->key = *name;
}

/* Cuts the comment at the end of an indented line. inih cuts it from other lines only. */
static void comment_cut(char *line)
{
	char *at = line;
	while ((at = strchr(at + 1, ';')) && !strchr(BLANKS, at[-1]))
		;
	if (at)
		*at = '\0';
}

/* The rest of a line that is too long is skipped: inih would take it for the next line. */
char *config_lines_read(struct config_lines *l, char *room, int bytes)
{
	*l->header = '\0';
	l->line++;
	if (!fgets(room, bytes, l->file)) {
		l->error = ferror(l->file) ? -errno : 0;
		return NULL;
	}
	int c = '\n', rest = 0;
	if (!strchr(room, '\n'))
		while ((c = getc(l->file)) != EOF && c != '\n')
			rest++;
	const char *start = room + strspn(room, BLANKS);
	l->is_cut = rest > 0 && *start != '#' && *start != ';';
	if (l->line == 1 && strncmp(start, BYTE_ORDER_MARK, strlen(BYTE_ORDER_MARK)) == 0)
		start += strlen(BYTE_ORDER_MARK);
	l->goes_on = start > room && l->key;
	if (start > room)
		comment_cut(room);
	if (*start == '[')
		snprintf(l->header, sizeof(l->header), "%s", start + 1);
	return room;
}
