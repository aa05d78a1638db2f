/* SPDX-License-Identifier: MIT */
/* A connection of netlink.h's, for the modules that implement it. */
#ifndef ZCRX_NIC_NETLINK_SOCKET_H
#define ZCRX_NIC_NETLINK_SOCKET_H

struct nl_sock;

struct netlink {
	struct nl_sock *sock;
	int family; /* the number of the generic netlink family */
};

/* The negative errno for an error of libnl's. */
int netlink_errno(int r);

#endif
