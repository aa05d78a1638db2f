/* SPDX-License-Identifier: MIT */
/*
 * Sockets of the daemon's own network namespace, opened for clients (FLOW_HOST). One that is to be
 * connected nobody has until it is: so nothing that is done with it can be made to wait.
 */
#ifndef ZCRXD_HOSTED_H
#define ZCRXD_HOSTED_H

#include <stdbool.h>
#include <stdint.h>

#include "proto/msg.h"

struct hosted;

/*
 * For a request for which the policy was asked: a socket that is bound to local and listens.
 * Returns the descriptor or a negative errno.
 */
int hosted_listen(const struct msg_flow_host *m);

/*
 * A socket that is to be connected to remote: bound to local if that has a family; `towards`: if it
 * has none, to the address that packets to the remote one leave from, if that can be known. Returns
 * 0 or a negative errno.
 */
int hosted_open(struct hosted **ret, const struct msg_flow_host *m, bool towards);

/* Where it is bound to; without a family if that is not known yet. */
const struct msg_addr *hosted_local(const struct hosted *h);

/*
 * Begins to connect it; called again, says what came of that. Never waits. Returns the connected
 * socket, which is the caller's, -EINPROGRESS, or another negative errno.
 */
int hosted_connect(struct hosted *h);

/* While that is in progress: the descriptor and the events (epoll) to wait for. */
int hosted_waits_for(const struct hosted *h, uint32_t *ret_events);

/* What socket_facts() would say were it connected. Not of a pump's. */
struct socket_facts;
int hosted_facts(const struct hosted *h, struct socket_facts *ret);

/* Gives it up if it is not connected yet. Returns NULL. */
struct hosted *hosted_free(struct hosted *h);

#endif
