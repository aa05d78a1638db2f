/* SPDX-License-Identifier: MIT */
/* Sockets of the daemon's own network namespace, opened for clients (FLOW_HOST). */
#ifndef ZCRXD_HOSTED_H
#define ZCRXD_HOSTED_H

#include <stdbool.h>

#include "proto/msg.h"

/*
 * Opens the socket that a request for which the policy was asked wants. Listening: bound to local
 * and listening. Otherwise bound to local if that has a family; `towards`: if it has none, to the
 * address that packets to the remote one leave from, if that can be known. Returns the descriptor
 * or a negative errno.
 */
int hosted_open(const struct msg_flow_host *m, bool towards);

#endif
