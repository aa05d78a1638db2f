/* SPDX-License-Identifier: MIT */
/*
 * The sockets of zcrx-cat: names to addresses, connecting, listening, accepting. Failures are said
 * here, where it is known which address they belong to; being stopped (waiter.h) is not said.
 */
#ifndef CAT_NET_H
#define CAT_NET_H

#include "tools/cat/waiter.h"

#include <stdbool.h>

/* Connects to the first address that answers. Returns the socket or a negative errno. */
int net_connect(const struct waiter *w, const char *host, const char *port, bool verbose);

/* Listens on the host's address; NULL: all, IPv4 and IPv6. Returns the socket or a negative errno.
 */
int net_listen(const char *host, const char *port, bool verbose);

/* Waits for a connection. Returns its socket or a negative errno, not yet said. */
int net_accept(const struct waiter *w, int listener, bool verbose);

#endif
