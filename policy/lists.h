/* SPDX-License-Identifier: MIT */
/*
 * The lists of a class as people write them, separated by blanks. Parsing adds to what is there;
 * but addresses replace the default, and the empty text empties the list.
 *
 *   users      alice 1000-1999      groups     video 27
 *   addresses  * 10.0.0.0/8:5000-5999 [fd00::/8]:80 fd00::1
 *   NICs       eth0 eth1:2-5,7
 *
 * Returns of the functions: 0, -EINVAL for what is no such list, -ENOENT for a name nobody has,
 * -ENOMEM, or another negative errno: a name could not be looked up.
 */
#ifndef ZCRXD_LISTS_H
#define ZCRXD_LISTS_H

#include <stdio.h>

#include "policy/policy.h"

int list_users(struct policy_ids *ids, const char *text);
int list_groups(struct policy_ids *ids, const char *text);
int list_addresses(struct range_list *list, const char *text);
int list_nics(struct policy_nics *list, const char *text);

/* Print a list as it can be read again. Names of users and groups have become numbers. */
void list_ids_print(const struct policy_ids *ids, const char *separator, FILE *out);
void list_addresses_print(const struct range_list *list, FILE *out);
void list_nics_print(const struct policy_nics *list, FILE *out);

#endif
