/* SPDX-License-Identifier: MIT */
/* A table of text, whose columns are as wide as their widest cell. */
#ifndef CTL_TABLE_H
#define CTL_TABLE_H

#include <stdio.h>

struct table;

/*
 * Makes a table. head: the titles, separated by tabs. A column whose title begins with '>' is
 * aligned right.
 */
struct table *table_new(const char *head);

/*
 * Adds a row, whose cells are separated by tabs. Everything but printable ASCII becomes '?', since
 * strangers chose some of the text.
 */
__attribute__((format(printf, 2, 3))) void table_add(struct table *t, const char *format, ...);

/* Prints the table, or without rows the line "none", and frees it. */
void table_print(struct table *t, const char *none, FILE *out);

#endif
