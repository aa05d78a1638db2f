/* SPDX-License-Identifier: MIT */
/* A table of text whose columns are as wide as they have to be. */
#ifndef CTL_TABLE_H
#define CTL_TABLE_H

#include <stdio.h>

struct table;

/* head: the titles, separated by tabs; a column whose title begins with '>' is aligned right. */
struct table *table_new(const char *head);

/*
 * Adds a row, its cells separated by tabs. Whatever is not plain printable ASCII becomes '?': some
 * of it was chosen by strangers.
 */
__attribute__((format(printf, 2, 3))) void table_add(struct table *t, const char *format, ...);

/* Prints and frees it. */
void table_print(struct table *t, FILE *out);

#endif
