/* SPDX-License-Identifier: MIT */
/*
 * The lines of zcrxd.conf on their way to inih, which does not tell its handler all that has to be
 * said of a mistake: the number of a line, a section without keys, that a line is indented and so
 * goes on with the value before.
 */
#ifndef ZCRXD_CONFIG_LINES_H
#define ZCRXD_CONFIG_LINES_H

#include <ini.h>
#include <stdbool.h>
#include <stdio.h>

struct config_lines {
	FILE *file;   /* borrowed */
	int error;    /* the errno of reading; inih takes an error for the file's end */
	int line;     /* the number of the last line that was read; of that line: */
	bool is_cut;  /* it was too long, and no comment: its rest is left out */
	bool goes_on; /* it goes on with the value of a key */
	char header[INI_MAX_LINE]; /* what is behind its opening bracket, or "" */
	bool key;                  /* the section has had a key */
};

/* Reads one line, as fgets() does, for inih. */
char *config_lines_read(struct config_lines *l, char *room, int bytes);

/* inih's handler was called for the last line: it was no header. name: its key, or "". */
void config_lines_handled(struct config_lines *l, const char *name);

/*
 * The section that the last line began, or NULL. To be asked once for each line, before the next
 * one is read.
 */
const char *config_lines_header(struct config_lines *l);

#endif
