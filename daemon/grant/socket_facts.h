/* SPDX-License-Identifier: MIT */
/*
 * What a TCP socket says of itself: by this it is judged whether packets are steered to it, not by
 * what a pump says of it. A client can make each of these calls wait for as long as it likes, so
 * for its sockets a hand makes them (daemon/hand).
 */
#ifndef ZCRXD_SOCKET_FACTS_H
#define ZCRXD_SOCKET_FACTS_H

#include <stdbool.h>

#include "nic/rule.h"
#include "proto/msg.h"

struct socket_facts {
	struct nic_socket socket;
	bool is_foreign; /* of another network namespace than the caller's */
	bool listener, v6only;
	struct msg_addr local, remote; /* remote: not of a listener */
};

/*
 * Returns 0; -ENOTSOCK, -EPROTONOSUPPORT for all but plain TCP, -ENOTCONN for one that neither is
 * connected nor listens; or another negative errno.
 */
int socket_facts(struct socket_facts *ret, int sock);

/* The same of one that is to be connected to remote. */
int socket_facts_ahead(struct socket_facts *ret, int sock, const struct msg_addr *remote);

/* A descriptor of its network namespace, or a negative errno. Takes CAP_NET_ADMIN there. */
int socket_namespace(int sock);

#endif
