/* SPDX-License-Identifier: MIT */
/*
 * FLOW_HOST: sockets that zcrxd opens in its own network namespace, for classes to which the
 * administrator grants it. A client can disconnect such a socket and connect it elsewhere, so the
 * grant is one of TCP in that namespace as a whole.
 */
#ifndef ZCRXD_HOST_H
#define ZCRXD_HOST_H

#include <stdint.h>

#include "daemon/common/answer.h"
#include "daemon/pump/model.h"

/* On the client's thread. */
uint32_t host_open(struct queue *q, const struct msg_flow_host *m, struct answer *a);

/* ---- on the queue's thread ---- */

/* Fills the reply of a request that makes a flow. */
void host_reply(struct flow *f, struct answer *a);

/*
 * The order's flow begins. The order is over when its rules stand, if it gets some. For o->look().
 */
uint64_t host_begin(struct queue *q, struct order *o);

#endif
