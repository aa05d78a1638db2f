/* SPDX-License-Identifier: MIT */
/*
 * Finds the numbers of users and groups by their names. Both functions return 0, -ENOENT if nobody
 * has the name, or another negative errno if the name could not be looked up and may exist.
 */
#ifndef ZCRXD_NAMES_H
#define ZCRXD_NAMES_H

#include <sys/types.h>

int name_user(const char *name, uid_t *ret);
int name_group(const char *name, gid_t *ret);

#endif
