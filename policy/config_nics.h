/* SPDX-License-Identifier: MIT */
/* Compares [nic NAME] of a configuration with the interfaces that there are. */
#ifndef ZCRXD_CONFIG_NICS_H
#define ZCRXD_CONFIG_NICS_H

#include "policy/config.h"

/*
 * Tells by a line each, with the file by this path and the line, which interfaces are missing from
 * this network namespace, or have fewer queues than the configuration names. That is no mistake:
 * both may come later.
 */
void config_nics_compare(const struct config *c, const char *path, void (*say)(const char *line));

#endif
