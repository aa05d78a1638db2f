/* SPDX-License-Identifier: MIT */
/*
 * Listening sockets that this program got when it was executed: of systemd, or of the zcrxd that
 * executed this one in its place, which says in the environment what they are.
 */
#ifndef ZCRXD_PASSED_H
#define ZCRXD_PASSED_H

#include <stdbool.h>
#include <stdio.h>

#include "policy/config.h"

/*
 * In the environment, from one zcrxd to the next; a line for each socket: its descriptor, its name,
 * "made" or "systemd", its path.
 */
#define PASSED_SOCKETS "ZCRXD_SOCKETS"

/* Writes the line of one socket: made, if zcrxd made it; the path of one of systemd's may be "-".
 */
void passed_write(FILE *to, int fd, const char *name, bool made, const char *path);

/*
 * After an upgrade sets the paths of the clients' and of the status socket in *config to those of
 * the sockets that were passed, whatever the file says by now: the pumps' records lie beside the
 * clients' socket. To be called before passed_each(). Returns 0 or -ENOMEM.
 */
int passed_paths(struct config *config);

/*
 * Calls `take` with each socket: its name, and the path at which zcrxd made it; "" if systemd did.
 * Returns 0, or the negative errno of the first call that failed, or of reading the environment.
 */
int passed_each(int (*take)(void *data, int fd, const char *name, const char *made), void *data);

#endif
