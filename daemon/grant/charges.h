/* SPDX-License-Identifier: MIT */
/*
 * Who is charged how much for which file of memory, and for which socket of the host. A file is
 * known by its inotify watch (files.h).
 * A user has one charge for a file, however often he uses it: one of ACCOUNT_FILES, and as many
 * ACCOUNT_BYTES as the largest part of the file that he asked for. Several users can be charged
 * for one file.
 *
 * The caller sees to it that one thread at a time calls.
 */
#ifndef ZCRXD_CHARGES_H
#define ZCRXD_CHARGES_H

#include <stdbool.h>
#include <stdint.h>

#include "daemon/grant/account.h"

/*
 * Charges this part of the file, unless the user is charged as much already. Returns 0 or a
 * negative errno; `why` as with account_charge().
 */
int charges_add(struct user *u, int watch, uint64_t bytes, char *why);

/* Charges a socket, which is charged once. Returns 0 or a negative errno. */
int charges_add_socket(struct user *u, int watch, bool listening);

/* Is anybody charged for the file? */
bool charges_any(int watch);

/* The file has gone: releases all charges for it. Returns whether there were any. */
bool charges_drop(int watch);

/*
 * charges_drop_unseen() releases all charges of files for which charges_see() was not called since
 * the last time. Returns whether there were any.
 */
void charges_see(int watch);
bool charges_drop_unseen(void);

/* Releases everything. */
void charges_done(void);

#endif
