/* SPDX-License-Identifier: MIT */
#include "nic/netlink.h"

#include <errno.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <netlink/genl/ctrl.h>
#include <netlink/genl/genl.h>
#include <netlink/netlink.h>
#include <stdlib.h>
#include <sys/socket.h>

#include "nic/netlink_socket.h"

/*
 * The size of the receive buffer. An RSS table of 4096 entries is one attribute, which does not fit
 * into the default page.
 */
#define REPLY_BYTES 65536u

int netlink_errno(int r)
{
	switch (-r) {
	case NLE_OBJ_NOTFOUND:
		return -ENOENT;
	case NLE_NOMEM:
		return -ENOMEM;
	case NLE_PERM:
	case NLE_NOACCESS:
		return -EPERM;
	case NLE_AF_NOSUPPORT:
	case NLE_PROTO_MISMATCH:
		return -EPROTONOSUPPORT;
	default:
		return -EIO;
	}
}

int netlink_open(struct netlink **ret, const char *family)
{
	struct netlink *nl;
	int r, on = 1;

	nl = calloc(1, sizeof(*nl));
	if (!nl)
		return -ENOMEM;
	nl->sock = nl_socket_alloc();
	if (!nl->sock) {
		netlink_close(nl);
		return -ENOMEM;
	}
	r = nl_connect(nl->sock, family ? NETLINK_GENERIC : NETLINK_ROUTE);
	if (r >= 0)
		setsockopt(nl_socket_get_fd(nl->sock), SOL_NETLINK, NETLINK_EXT_ACK, &on,
			   sizeof(on));
	if (r >= 0)
		r = nl_socket_set_msg_buf_size(nl->sock, REPLY_BYTES);
	if (r >= 0 && family)
		r = genl_ctrl_resolve(nl->sock, family);
	if (r < 0) {
		netlink_close(nl);
		return netlink_errno(r);
	}
	nl->family = r;
	*ret = nl;
	return 0;
}

/*
 * Joins the groups that tell of changes of links, addresses, routes and the rules for choosing
 * routes.
 */
static int join_rt(struct nl_sock *sock)
{
	static const int groups[] = {
		RTNLGRP_LINK,       RTNLGRP_IPV4_IFADDR, RTNLGRP_IPV6_IFADDR, RTNLGRP_IPV4_ROUTE,
		RTNLGRP_IPV6_ROUTE, RTNLGRP_IPV4_RULE,   RTNLGRP_IPV6_RULE,
	};
	int r = 0;

	for (size_t i = 0; i < sizeof(groups) / sizeof(groups[0]) && r >= 0; i++)
		r = nl_socket_add_membership(sock, groups[i]);
	return r;
}

int netlink_listen(struct netlink **ret, const char *family, const char *group)
{
	struct netlink *nl;
	int r = netlink_open(&nl, family);

	if (r < 0)
		return r;
	if (!family) {
		r = join_rt(nl->sock);
	} else {
		r = genl_ctrl_resolve_grp(nl->sock, family, group);
		if (r >= 0)
			r = nl_socket_add_membership(nl->sock, r);
	}
	if (r >= 0)
		r = nl_socket_set_nonblocking(nl->sock);
	if (r < 0) {
		netlink_close(nl);
		return netlink_errno(r);
	}
	*ret = nl;
	return 0;
}

int netlink_fd(const struct netlink *nl)
{
	return nl_socket_get_fd(nl->sock);
}

bool netlink_drain(struct netlink *nl)
{
	char message[4096];
	bool any = false;

	/* After an overrun messages are lost, which means that something changed. */
	while (recv(netlink_fd(nl), message, sizeof(message), MSG_DONTWAIT) > 0 || errno == ENOBUFS)
		any = true;
	return any;
}

struct netlink *netlink_close(struct netlink *nl)
{
	if (!nl)
		return NULL;
	nl_socket_free(nl->sock);
	free(nl);
	return NULL;
}
