/* SPDX-License-Identifier: MIT */
/* Sockets of this network namespace that pumps ask for (FLOW_HOST). */
#ifndef ZCRXD_SERVE_HOST_H
#define ZCRXD_SERVE_HOST_H

#include "daemon/broker/pump.h"

struct socket_facts;

/*
 * The facts of the pump's socket of that number that is not connected yet (HOST_OPEN), as
 * hosted_facts() tells them. Returns 0, -ENOENT if the pump has no such socket, or another negative
 * errno.
 */
int serve_host_facts(struct pump *p, uint32_t id, struct socket_facts *ret);

/* The pump's process has ended: closes its sockets that are not connected yet. */
void serve_host_end_all(struct pump *p);

#endif
