/* SPDX-License-Identifier: MIT */
/*
 * The listening sockets on their way to the program that this process executes in its own place:
 * they stay open when it is executed, and its environment says what they are (passed.h reads it).
 * Only while no other thread runs.
 */
#ifndef ZCRXD_PASSING_H
#define ZCRXD_PASSING_H

#include "daemon/broker/listener.h"
#include "policy/config.h"

/*
 * config: the one that this process was started with. Returns 0 or a negative errno; in either case
 * passing_undo() is due if this program goes on.
 */
int passing_prepare(const struct listeners *l, const struct config *config);
void passing_undo(const struct listeners *l);

#endif
