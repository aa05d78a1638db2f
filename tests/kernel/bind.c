/* SPDX-License-Identifier: MIT */
/* Asks the kernel's netdev family to bind a dma-buf to a receive queue. */
#include <errno.h>
#include <linux/netdev.h>
#include <netlink/genl/ctrl.h>
#include <netlink/genl/genl.h>
#include <netlink/netlink.h>
#include <string.h>

#include "tests/kernel/stream.h"

static int take_id(struct nl_msg *msg, void *arg)
{
	struct nlattr *id = nlmsg_find_attr(nlmsg_hdr(msg), GENL_HDRLEN, NETDEV_A_DMABUF_ID);
	if (id)
		*(uint32_t *)arg = nla_get_u32(id);
	return NL_OK;
}

static int take_error(struct sockaddr_nl *from, struct nlmsgerr *error, void *arg)
{
	(void)from;
	(void)arg;
	die("bind-rx: %s", strerror(-error->error));
}

uint32_t netdev_bind_rx(unsigned ifindex, unsigned queue, int dmabuf)
{
	struct nl_sock *sock =
		nl_socket_alloc(); /* the binding lives as long as this: to the end */
	struct nl_msg *msg = nlmsg_alloc();
	uint32_t id = 0;

	if (!sock || !msg || genl_connect(sock) < 0)
		die("netlink: out of memory or sockets");
	int family = genl_ctrl_resolve(sock, NETDEV_FAMILY_NAME);
	if (family < 0)
		skip("this kernel has no netdev family");
	genlmsg_put(msg, NL_AUTO_PORT, NL_AUTO_SEQ, family, 0, 0, NETDEV_CMD_BIND_RX,
		    NETDEV_FAMILY_VERSION);
	nla_put_u32(msg, NETDEV_A_DMABUF_IFINDEX, ifindex);
	nla_put_u32(msg, NETDEV_A_DMABUF_FD, (uint32_t)dmabuf);
	struct nlattr *nest = nla_nest_start(msg, NETDEV_A_DMABUF_QUEUES);
	nla_put_u32(msg, NETDEV_A_QUEUE_TYPE, NETDEV_QUEUE_TYPE_RX);
	nla_put_u32(msg, NETDEV_A_QUEUE_ID, queue);
	nla_nest_end(msg, nest);
	nl_socket_modify_cb(sock, NL_CB_VALID, NL_CB_CUSTOM, take_id, &id);
	nl_socket_modify_err_cb(sock, NL_CB_CUSTOM, take_error, NULL);
	int r = nl_send_sync(sock, msg);
	if (r < 0)
		die("bind-rx: %s", nl_geterror(r));
	if (id == 0)
		die("bind-rx: the kernel gave no id");
	return id;
}
