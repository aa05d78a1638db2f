/* SPDX-License-Identifier: MIT */
/* zcrxd's configuration, for commands that read it themselves. */
#ifndef CTL_SETTINGS_H
#define CTL_SETTINGS_H

#include "policy/config.h"

#define SETTINGS_PATH "/etc/zcrxd/zcrxd.conf"

/*
 * Reads the file over the defaults; with NULL that of SETTINGS_PATH, if there is one. Returns 0 or
 * a negative errno, and has told why. The caller ends it by config_done() whatever this returns.
 */
int settings_read(struct config *c, const char *path);

#endif
