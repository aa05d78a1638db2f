/* SPDX-License-Identifier: MIT */
/*
 * FLOW_HOST: sockets the daemon opens in its own network namespace, where the administrator granted
 * that. A socket handed out can be disconnected and connected elsewhere: the grant is one of TCP in
 * that namespace as a whole.
 */
#ifndef ZCRXD_HOST_H
#define ZCRXD_HOST_H

#include <stdint.h>

#include "daemon/common/answer.h"
#include "daemon/pump/model.h"

uint32_t host_open(struct queue *q, const struct msg_flow_host *m, struct answer *a);

/* The connect is over: what to answer, with the socket unless receive-only. */
uint32_t host_connected(struct client *c, int result, struct answer *a);

/* Fills the reply of a request that makes a flow. */
void host_reply(struct flow *f, struct answer *a);

#endif
