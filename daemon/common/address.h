/* SPDX-License-Identifier: MIT */
/* The addresses of sockets as the protocol writes them. */
#ifndef ZCRXD_ADDRESS_H
#define ZCRXD_ADDRESS_H

#include "proto/msg.h"

/* Both addresses; family 0 where there is none. The remote one only if it is asked for. */
void socket_addresses(int sock, struct msg_addr *local, struct msg_addr *remote);

struct sockaddr_storage;

/* Returns the length, 0 for an address of no known family. */
unsigned socket_address(const struct msg_addr *a, struct sockaddr_storage *ret);

#endif
