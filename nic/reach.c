/* SPDX-License-Identifier: MIT */
/*
 * The kernel is asked for the route to the address, for the device it leads to, and for the number
 * by which this namespace knows the other one. The device's peer bears that number.
 */
#include "reach.h"

#include <errno.h>
#include <linux/if_link.h>
#include <linux/net_namespace.h>
#include <linux/rtnetlink.h>
#include <string.h>
#include <sys/socket.h>

#include "netlink.h"

#define UNKNOWN UINT32_MAX

struct device {
	char kind[16];
	uint32_t netns; /* of the peer */
};

static void on_route(void *arg, struct attrs attrs)
{
	*(uint32_t *)arg = attrs_u32(attrs, RTA_OIF);
}

static void on_device(void *arg, struct attrs attrs)
{
	struct device *d = arg;
	struct attrs found;

	if (attrs_find(attrs, IFLA_LINKINFO, &found))
		attrs_string(found, IFLA_INFO_KIND, d->kind, sizeof(d->kind));
	if (attrs_find(attrs, IFLA_LINK_NETNSID, &found))
		d->netns = attrs_u32(attrs, IFLA_LINK_NETNSID);
}

static void on_netns(void *arg, struct attrs attrs)
{
	*(uint32_t *)arg = attrs_u32(attrs, NETNSA_NSID);
}

static int ask_route(struct netlink *nl, int family, const uint8_t ip[16], uint32_t *ret_ifindex)
{
	const uint8_t bytes = family == AF_INET ? 4 : 16;
	const struct rtmsg header = {.rtm_family = (uint8_t)family,
				     .rtm_dst_len = (uint8_t)(bytes * 8)};
	const struct netlink_request request = {
		.cmd = RTM_GETROUTE,
		.more = {RTA_DST, bytes, ip},
		.reply = on_route,
		.arg = ret_ifindex,
	};

	return netlink_ask_rt(nl, &request, &header, sizeof(header));
}

static int ask_device(struct netlink *nl, uint32_t ifindex, struct device *ret)
{
	const struct ifinfomsg header = {.ifi_family = AF_UNSPEC, .ifi_index = (int)ifindex};
	const struct netlink_request request = {
		.cmd = RTM_GETLINK,
		.reply = on_device,
		.arg = ret,
	};

	return netlink_ask_rt(nl, &request, &header, sizeof(header));
}

static int ask_netns(struct netlink *nl, int netns_fd, uint32_t *ret_netns)
{
	const struct rtgenmsg header = {.rtgen_family = AF_UNSPEC};
	const struct netlink_put puts[] = {{.type = NETNSA_FD, .value = (uint32_t)netns_fd}};
	const struct netlink_request request = {
		.cmd = RTM_GETNSID,
		.puts = puts,
		.n_puts = 1,
		.reply = on_netns,
		.arg = ret_netns,
	};

	return netlink_ask_rt(nl, &request, &header, sizeof(header));
}

int nic_reaches(int netns_fd, int family, const uint8_t ip[16])
{
	uint32_t ifindex = 0, netns = UNKNOWN;
	struct device device = {.netns = UNKNOWN};
	struct netlink *nl;
	int r = netlink_open(&nl, NULL);

	if (r < 0)
		return r;
	r = ask_route(nl, family, ip, &ifindex);
	if ((r < 0 && r != -ENOMEM) || (r == 0 && !ifindex))
		r = -EXDEV;
	if (r == 0)
		r = ask_device(nl, ifindex, &device);
	if (r == 0)
		r = ask_netns(nl, netns_fd, &netns);
	netlink_close(nl);
	if (r == 0 && (strcmp(device.kind, "netkit") != 0 || device.netns == UNKNOWN ||
		       device.netns != netns))
		return -EXDEV;
	return r;
}
