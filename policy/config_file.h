/* SPDX-License-Identifier: MIT */
/* The configuration as an INI file, zcrxd.conf(5). */
#ifndef ZCRXD_CONFIG_FILE_H
#define ZCRXD_CONFIG_FILE_H

#include <stdio.h>

#include "policy/config.h"

/*
 * Reads a file over what is there. Every mistake is printed with file and line. Returns 0, -ENOENT
 * when there is no such file, -EINVAL for mistakes, or another negative errno.
 */
int config_read(struct config *c, const char *path);

/* Prints it as a file that config_read() takes; comments say what it means. */
void config_print(const struct config *c, FILE *out);

#endif
