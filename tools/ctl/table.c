/* SPDX-License-Identifier: MIT */
#include "tools/ctl/table.h"

#include <stdarg.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

enum {
	COLUMNS_MAX = 16
};

struct table {
	char **rows; /* the first row is the head */
	size_t nr_rows;
	int widths[COLUMNS_MAX];
	bool right[COLUMNS_MAX];
};

static _Noreturn void out_of_memory(void)
{
	fputs("zcrxctl: out of memory\n", stderr);
	abort();
}

/* Replaces what a terminal could obey in a row, and widens the columns for it. */
static void measure(struct table *t, char *row)
{
	size_t column = 0;
	int width = 0;

	for (char *p = row; column < COLUMNS_MAX; p++) {
		if (*p != '\t' && *p != '\0') {
			if (*p < ' ' || *p > '~')
				*p = '?';
			width++;
			continue;
		}
		if (width > t->widths[column])
			t->widths[column] = width;
		if (*p == '\0')
			return;
		column++;
		width = 0;
	}
}

static void keep(struct table *t, char *row)
{
	char **rows = reallocarray(t->rows, t->nr_rows + 1, sizeof(*rows));

	if (!rows)
		out_of_memory();
	t->rows = rows;
	t->rows[t->nr_rows++] = row;
	measure(t, row);
}

struct table *table_new(const char *head)
{
	struct table *t = calloc(1, sizeof(*t));
	char *row = strdup(head), *to = row;
	size_t column = 0;

	if (!t || !row)
		out_of_memory();
	for (const char *p = head; *p && column < COLUMNS_MAX; p++) {
		if (*p == '\t')
			column++;
		if (*p == '>')
			t->right[column] = true;
		else
			*to++ = *p;
	}
	*to = '\0';
	keep(t, row);
	return t;
}

void table_add(struct table *t, const char *format, ...)
{
	char *row = NULL;
	va_list args;

	va_start(args, format);
	if (vasprintf(&row, format, args) < 0)
		out_of_memory();
	va_end(args);
	keep(t, row);
}

void table_print(struct table *t, const char *none, FILE *out)
{
	bool empty = t->nr_rows == 1; /* the head is one */

	if (empty)
		fprintf(out, "%s\n", none);
	for (size_t i = 0; i < t->nr_rows; i++) {
		char *rest = empty ? NULL : t->rows[i], *cell;

		for (size_t column = 0; (cell = strsep(&rest, "\t")); column++) {
			bool right = column < COLUMNS_MAX && t->right[column];
			int width = column < COLUMNS_MAX ? t->widths[column] : 0;

			if (right)
				fprintf(out, "%*s", width, cell);
			else /* no blanks follow the last cell */
				fprintf(out, "%-*s", rest ? width : 0, cell);
			fputs(rest ? "  " : "\n", out);
		}
		free(t->rows[i]);
	}
	free(t->rows);
	free(t);
}
