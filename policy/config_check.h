/* SPDX-License-Identifier: MIT */
/* Mistakes in a configuration: how they are printed, and checks that need the whole file. */
#ifndef ZCRXD_CONFIG_CHECK_H
#define ZCRXD_CONFIG_CHECK_H

#include "policy/config.h"

struct mistakes {
	const char *path; /* the path of the file */
	int n;            /* how many were printed so far */
};

/* Prints one line on stderr: the file, the line and what is wrong there. */
__attribute__((format(printf, 3, 4))) void mistake(struct mistakes *m, int line, const char *format,
						   ...);

/* Checks the whole configuration, once each line of it is right. */
void config_check(const struct config *c, struct mistakes *m);

/*
 * Looks up the groups of [sockets] and of the classes' sockets. It may ask the network and take
 * long. Returns 0, -ENOENT if nobody has a name, or another negative errno, after it has printed a
 * line on stderr that names the file, by this path, and the line.
 */
int config_find_groups(struct config *c, const char *path);

#endif
