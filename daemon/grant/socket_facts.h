/* SPDX-License-Identifier: MIT */
/*
 * The facts of a TCP socket, read from the socket itself. By them, and never by what a pump says,
 * it is judged whether packets are steered to the socket. A client can make each of these calls
 * block for as long as it likes, so a hand makes them for a client's socket (daemon/hand).
 */
#ifndef ZCRXD_SOCKET_FACTS_H
#define ZCRXD_SOCKET_FACTS_H

#include <stdbool.h>

#include "nic/rule.h"
#include "proto/msg.h"

struct socket_facts {
	struct nic_socket socket;
	bool is_foreign; /* its network namespace is not the caller's */
	bool listener, v6only;
	struct msg_addr local, remote; /* remote: without a family if the socket listens */
};

/*
 * Reads the facts. Returns 0, or a negative errno: -ENOTSOCK, -EPROTONOSUPPORT if it is not plain
 * TCP, -ENOTCONN if it is neither connected nor listening, or what else the kernel says.
 */
int socket_facts(struct socket_facts *ret, int sock);

/* Reads the facts that a socket will have once it is connected to remote. Returns the same. */
int socket_facts_ahead(struct socket_facts *ret, int sock, const struct msg_addr *remote);

/*
 * Returns a descriptor of the socket's network namespace, which is the caller's, or a negative
 * errno. The caller needs CAP_NET_ADMIN in that namespace.
 */
int socket_namespace(int sock);

#endif
