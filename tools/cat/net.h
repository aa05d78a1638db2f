/* SPDX-License-Identifier: MIT */
/*
 * The sockets of zcrx-cat: looks up names, connects, listens and accepts. It prints failures
 * itself, with their address; it does not print that it was stopped (waiter.h).
 */
#ifndef CAT_NET_H
#define CAT_NET_H

#include "tools/cat/waiter.h"

#include <stdbool.h>

/* Is it the number of a TCP port, or a name of one (/etc/services)? */
bool net_is_port(const char *text);

/* Connects to the first address that answers. Returns the socket or a negative errno. */
int net_connect(const struct waiter *w, const char *host, const char *port, bool verbose);

/*
 * Listens on the host's address, or with NULL on all addresses of IPv4 and IPv6. Returns the socket
 * or a negative errno.
 */
int net_listen(const char *host, const char *port, bool verbose);

/*
 * Takes a connection. Returns its socket, -EAGAIN if none is there, or another negative errno,
 * which is not printed yet.
 */
int net_accept(int listener, bool verbose);

#endif
