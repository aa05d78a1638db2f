/* SPDX-License-Identifier: MIT */
/* Sockets of this network namespace that pumps ask for (FLOW_HOST). */
#ifndef ZCRXD_SERVE_HOST_H
#define ZCRXD_SERVE_HOST_H

#include "daemon/broker/pump.h"

/* A duplicate of a socket of HOST_OPEN, or a negative errno. By any thread. */
int serve_host_socket(struct pump *p, uint32_t id);

/* The pump's process has ended. */
void serve_host_end_all(struct pump *p);

#endif
