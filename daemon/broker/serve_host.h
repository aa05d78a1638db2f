/* SPDX-License-Identifier: MIT */
/* Sockets of this network namespace that pumps ask for (FLOW_HOST). */
#ifndef ZCRXD_SERVE_HOST_H
#define ZCRXD_SERVE_HOST_H

#include "daemon/broker/pump.h"

struct socket_facts;

/* Of a socket of HOST_OPEN: hosted_facts(). -ENOENT: there is none. By any thread. */
int serve_host_facts(struct pump *p, uint32_t id, struct socket_facts *ret);

/* The pump's process has ended. */
void serve_host_end_all(struct pump *p);

#endif
