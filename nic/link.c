/* SPDX-License-Identifier: MIT */
/*
 * Gathers the links from rtnetlink, and which stands on which: one dump, and then names for the
 * indices.
 */
#include "nic/netlink.h"
#include "nic/nic.h"

#include <errno.h>
#include <linux/if_arp.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct link_list {
	struct link_facts *links;
	unsigned n;
	bool no_memory;
};

static void link_parse(struct link_facts *l, const struct ifinfomsg *info, struct attrs attrs)
{
	struct attrs nest;

	l->ifindex = info->ifi_index;
	l->ether = info->ifi_type == ARPHRD_ETHER;
	l->loopback = info->ifi_flags & IFF_LOOPBACK;
	l->up = info->ifi_flags & IFF_UP;
	l->carrier = info->ifi_flags & IFF_RUNNING;
	attrs_string(attrs, IFLA_IFNAME, l->name, sizeof(l->name));
	l->mtu = attrs_u32(attrs, IFLA_MTU);
	l->lower = attrs_u32(attrs, IFLA_LINK);
	l->lower_elsewhere = attrs_find(attrs, IFLA_LINK_NETNSID, &nest);
	l->master = attrs_u32(attrs, IFLA_MASTER);
	attrs_string(attrs, IFLA_PARENT_DEV_NAME, l->bus_device, sizeof(l->bus_device));
	if (attrs_find(attrs, IFLA_LINKINFO, &nest))
		attrs_string(nest, IFLA_INFO_KIND, l->kind, sizeof(l->kind));
	if (attrs_find(attrs, IFLA_XDP, &nest)) {
		l->xdp = (uint8_t)attrs_u32(nest, IFLA_XDP_ATTACHED);
		l->xdp_program = attrs_u32(nest, IFLA_XDP_PROG_ID);
	}
}

static void on_link(void *arg, const struct ifinfomsg *info, struct attrs attrs)
{
	struct link_list *list = arg;
	struct link_facts *links;

	links = reallocarray(list->links, list->n + 1, sizeof(*links));
	if (!links) {
		list->no_memory = true;
		return;
	}
	list->links = links;
	links[list->n] = (struct link_facts){0};
	link_parse(&links[list->n], info, attrs);
	list->n++;
}

/* Appends a name to a list. Dots replace a name that does not fit. */
static void name_add(char *buf, size_t size, const char *name)
{
	size_t used = strlen(buf);

	if (used + strlen(name) + sizeof(", ...") + 2 < size)
		snprintf(buf + used, size - used, "%s%s", used ? ", " : "", name);
	else if (used < 3 || strcmp(buf + used - 3, "...") != 0)
		snprintf(buf + used, size - used, ", ...");
}

static void link_relate(struct link_facts *l, const struct link_facts *other)
{
	if (other->master == l->ifindex)
		name_add(l->members, sizeof(l->members), other->name);
	/* A veth's "lower" is its peer: neither stands on the other. */
	if (other->lower == l->ifindex && !other->lower_elsewhere && other->kind[0] &&
	    strcmp(other->kind, "veth") != 0 && strcmp(other->kind, "netkit") != 0)
		name_add(l->uppers, sizeof(l->uppers), other->name);
	if (l->master == other->ifindex) {
		memcpy(l->master_name, other->name, sizeof(l->master_name));
		memcpy(l->master_kind, other->kind, sizeof(l->master_kind));
	}
	if (l->lower == other->ifindex && !l->lower_elsewhere)
		memcpy(l->lower_name, other->name, sizeof(l->lower_name));
}

int links_gather(struct link_facts **ret, unsigned *ret_n)
{
	struct link_list list = {0};
	struct netlink *nl;
	int r;

	r = netlink_open(&nl, NULL);
	if (r)
		return r;
	r = netlink_ask_links(nl, on_link, &list);
	netlink_close(nl);
	if (!r && list.no_memory)
		r = -ENOMEM;
	if (r) {
		free(list.links);
		return r;
	}
	for (unsigned i = 0; i < list.n; i++)
		for (unsigned j = 0; j < list.n; j++)
			if (i != j)
				link_relate(&list.links[i], &list.links[j]);
	*ret = list.links;
	*ret_n = list.n;
	return 0;
}
