/* SPDX-License-Identifier: MIT */
/*
 * Numbers of users and groups by their names. Both return 0, -ENOENT: nobody has the name, or
 * another negative errno: it could not be looked up, and may exist.
 */
#ifndef ZCRXD_NAMES_H
#define ZCRXD_NAMES_H

#include <sys/types.h>

int name_user(const char *name, uid_t *ret);
int name_group(const char *name, gid_t *ret);

#endif
