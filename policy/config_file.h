/* SPDX-License-Identifier: MIT */
/* Reads the configuration from an INI file, zcrxd.conf(5). */
#ifndef ZCRXD_CONFIG_FILE_H
#define ZCRXD_CONFIG_FILE_H

#include "policy/config.h"

#define CONFIG_PATH "/etc/zcrxd/zcrxd.conf"

/*
 * Reads a file: its values replace those of *c. Prints every mistake with file and line. Returns 0,
 * -ENOENT if there is no such file, -EINVAL if there are mistakes, or another negative errno.
 */
int config_read(struct config *c, const char *path);

/*
 * Sets the defaults and reads the file over them. With path NULL the file is that of CONFIG_PATH,
 * which need not be there. Returns 0, or a negative errno after it has printed why on stderr.
 * config_done() is due either way.
 */
int config_load(struct config *c, const char *path);

#endif
