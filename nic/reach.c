/* SPDX-License-Identifier: MIT */
/*
 * For an address that is not local the kernel is asked for the route to it, and for the device that
 * the route leads to. If that is a netkit device, its peer is in another network namespace, of
 * which the kernel tells the number that this namespace has for it.
 */
#include "nic/reach.h"

#include <errno.h>
#include <ifaddrs.h>
#include <linux/if_link.h>
#include <linux/net_namespace.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "nic/netlink.h"
#include "proto/addr.h"

#define UNKNOWN UINT32_MAX

struct nic_places {
	struct netlink *nl;
	struct ifaddrs *addresses;
	int asked_family; /* the family of `asked`, for which `answer` is */
	uint8_t asked[16];
	struct nic_place answer;
};

struct device {
	char kind[16], master_kind[16];
	uint32_t netns; /* the network namespace of the peer */
	uint32_t master;
};

int nic_address_of(const struct ifaddrs *i, struct msg_addr *ret)
{
	/* getifaddrs(3) tells no length; its addresses are whole. */
	return i->ifa_addr ? addr_from_sockaddr(ret, i->ifa_addr, sizeof(struct sockaddr_in6))
			   : -EADDRNOTAVAIL;
}

static void on_route(void *arg, struct attrs attrs)
{
	*(uint32_t *)arg = attrs_u32(attrs, RTA_OIF);
}

static void on_device(void *arg, struct attrs attrs)
{
	struct device *d = arg;
	struct attrs found;

	if (attrs_find(attrs, IFLA_LINKINFO, &found)) {
		attrs_string(found, IFLA_INFO_KIND, d->kind, sizeof(d->kind));
		attrs_string(found, IFLA_INFO_SLAVE_KIND, d->master_kind, sizeof(d->master_kind));
	}
	d->master = attrs_u32(attrs, IFLA_MASTER);
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

int nic_places_open(struct nic_places **ret)
{
	struct nic_places *p = calloc(1, sizeof(*p));
	int r = 0;

	if (!p)
		return -ENOMEM;
	if (getifaddrs(&p->addresses) < 0) {
		r = -errno;
		nic_places_close(p);
		return r;
	}
	*ret = p;
	return 0;
}

struct nic_places *nic_places_close(struct nic_places *p)
{
	if (!p)
		return NULL;
	netlink_close(p->nl);
	if (p->addresses)
		freeifaddrs(p->addresses);
	free(p);
	return NULL;
}

static bool is_link_local(int family, const uint8_t ip[16])
{
	return family == AF_INET6 && ip[0] == 0xfe && (ip[1] & 0xc0) == 0x80;
}

/*
 * Is the address one of this namespace's? A socket's own address need not be: IP_FREEBIND takes no
 * privilege.
 */
static bool is_local(const struct nic_places *p, const char *nic, int family, const uint8_t ip[16])
{
	bool any_interface = !is_link_local(family, ip);
	struct msg_addr found;

	for (const struct ifaddrs *i = p->addresses; i; i = i->ifa_next) {
		if (nic_address_of(i, &found) < 0 || addr_family(&found) != family ||
		    memcmp(found.ip, ip, family == AF_INET ? 4 : 16) != 0)
			continue;
		if (any_interface || strcmp(i->ifa_name, nic) == 0)
			return true;
	}
	return false;
}

static int ask_through(struct nic_places *p, int family, const uint8_t ip[16],
		       struct nic_place *ret)
{
	struct device device = {.netns = UNKNOWN};
	uint32_t ifindex = 0;
	int r = p->nl ? 0 : netlink_open(&p->nl, NULL);

	if (r < 0)
		return r;
	r = ask_route(p->nl, family, ip, &ifindex);
	*ret = (struct nic_place){.kind = NIC_PLACE_NONE};
	if (r == -ENOMEM || r == -ENOBUFS)
		return r;
	if (r < 0 || !ifindex)
		return 0;
	r = ask_device(p->nl, ifindex, &device);
	if (r == 0 && strcmp(device.kind, "netkit") == 0 && device.netns != UNKNOWN)
		*ret = (struct nic_place){.kind = NIC_PLACE_NETKIT, .netns = device.netns};
	return r == -ENODEV ? 0 : r;
}

int nic_place_find(struct nic_places *p, const char *nic, int family, const uint8_t ip[16],
		   struct nic_place *ret)
{
	int r;

	if (is_local(p, nic, family, ip)) {
		*ret = (struct nic_place){.kind = NIC_PLACE_LOCAL};
		return 0;
	}
	/* All flows of a container have the same address, so the last answer is kept. */
	if (p->asked_family == family && memcmp(p->asked, ip, sizeof(p->asked)) == 0) {
		*ret = p->answer;
		return 0;
	}
	r = ask_through(p, family, ip, &p->answer);
	p->asked_family = r == 0 ? family : AF_UNSPEC;
	memcpy(p->asked, ip, sizeof(p->asked));
	if (r == 0)
		*ret = p->answer;
	return r;
}

int nic_devices_find(const char *nic, struct nic_devices *ret)
{
	struct device device = {.netns = UNKNOWN};
	struct netlink *nl;
	uint32_t ifindex = if_nametoindex(nic);
	int r = ifindex ? netlink_open(&nl, NULL) : -ENODEV;

	if (r < 0)
		return r;
	r = ask_device(nl, ifindex, &device);
	netlink_close(nl);
	if (r < 0)
		return r;
	*ret = (struct nic_devices){.nic = ifindex,
				    .master = device.master,
				    .is_of_vrf = strcmp(device.master_kind, "vrf") == 0};
	return 0;
}

int nic_netns_number(struct nic_places *p, int netns_fd, uint32_t *ret)
{
	uint32_t netns = UNKNOWN;
	int r = p->nl ? 0 : netlink_open(&p->nl, NULL);

	if (r == 0)
		r = ask_netns(p->nl, netns_fd, &netns);
	if (r == 0 && netns == UNKNOWN)
		r = -EXDEV;
	if (r == 0)
		*ret = netns;
	return r;
}
