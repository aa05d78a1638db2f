/* SPDX-License-Identifier: MIT */
/*
 * Sockets of zcrxd's own network namespace, opened for clients (FLOW_HOST). Until a socket is
 * connected only the broker has it, so nobody can make a call on it block.
 */
#ifndef ZCRXD_HOSTED_H
#define ZCRXD_HOSTED_H

#include <stdbool.h>
#include <stdint.h>

#include "proto/msg.h"

struct hosted;
struct user;

/*
 * Makes a socket that is bound to m->local and listens. Before it listens it is charged to the user
 * (files_host()): so nobody connects to one that is refused. A pump asks the broker, which charges
 * it, and has no user here: NULL. The caller has asked the policy. Returns the descriptor, which is
 * the caller's, or a negative errno.
 */
int hosted_listen(const struct msg_flow_host *m, struct user *u);

/*
 * Makes a socket that hosted_connect() will connect to m->remote. It is bound to m->local if that
 * has a family. If that has none and towards is true, it is bound to the address that packets to
 * m->remote leave from, if that can be known. The caller has asked the policy, and ends *ret with
 * hosted_free(). Returns 0 or a negative errno.
 */
int hosted_open(struct hosted **ret, const struct msg_flow_host *m, bool towards);

/* The address that the socket is bound to; its family is 0 if that is not known yet. */
const struct msg_addr *hosted_local(const struct hosted *h);

/*
 * The first call begins to connect the socket, later calls tell what came of it. Never waits.
 * Returns the connected socket, which is the caller's, or -EINPROGRESS, or another negative errno.
 */
int hosted_connect(struct hosted *h);

/* What to wait for after -EINPROGRESS: returns a descriptor, borrowed; *ret_events: EPOLLIN etc. */
int hosted_waits_for(const struct hosted *h, uint32_t *ret_events);

struct socket_facts;

/* Fills *ret in as socket_facts() will once the socket is connected. Only the broker has this. */
int hosted_facts(const struct hosted *h, struct socket_facts *ret);

/* Closes the socket if it is not connected yet, and frees h, which may be NULL. Returns NULL. */
struct hosted *hosted_free(struct hosted *h);

#endif
