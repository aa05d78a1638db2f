/* SPDX-License-Identifier: MIT */
/* Addresses as the protocol has them and as sockets do. */
#ifndef ZCRX_LIB_ADDR_H
#define ZCRX_LIB_ADDR_H

#include <sys/socket.h>

#include "proto/msg.h"

/* Returns 0, -EAFNOSUPPORT for anything but IPv4 and IPv6, -EINVAL for an address cut short. */
int addr_from_socket(struct msg_addr *ret, const struct sockaddr *addr, socklen_t len);

/* As getsockname(2): cuts at *len, sets it to the full length. -ENOTCONN if there is no address. */
int addr_to_socket(const struct msg_addr *m, struct sockaddr *ret, socklen_t *len);

#endif
