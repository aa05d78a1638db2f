/* SPDX-License-Identifier: MIT */
/* The configuration as an INI file, zcrxd.conf(5). */
#ifndef ZCRXD_CONFIG_FILE_H
#define ZCRXD_CONFIG_FILE_H

#include "policy/config.h"

#define CONFIG_PATH "/etc/zcrxd/zcrxd.conf"

/*
 * Reads a file over what is there. Every mistake is printed with file and line. Returns 0, -ENOENT
 * when there is no such file, -EINVAL for mistakes, or another negative errno.
 */
int config_read(struct config *c, const char *path);

/*
 * The defaults, and over them the file; path NULL: that of CONFIG_PATH, if there is one. Returns 0
 * or a negative errno after printing why on stderr. config_done() either way.
 */
int config_load(struct config *c, const char *path);

#endif
