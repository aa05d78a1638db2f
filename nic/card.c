/* SPDX-License-Identifier: MIT */
#include "nic/card.h"

#include <errno.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <stdio.h>
#include <string.h>

#include "nic/netlink.h"

struct search {
	const char *nic;
	struct nic_card *card;
	bool found;
};

/*
 * Prints a hardware address. All zeros mean none: the kernel shows them if there is no permanent
 * address.
 */
static void address_print(struct attrs bytes, char *buf, size_t size)
{
	const uint8_t *b = bytes.data;
	size_t used = 0;
	bool any = false;

	buf[0] = '\0';
	for (int i = 0; i < bytes.len; i++)
		any |= b[i] != 0;
	for (int i = 0; any && i < bytes.len && used + sizeof(":ff") <= size; i++)
		used += (size_t)snprintf(buf + used, size - used, "%s%02x", i ? ":" : "", b[i]);
}

static void on_link(void *arg, const struct ifinfomsg *info, struct attrs attrs)
{
	struct search *s = arg;
	struct nic_card *card = s->card;
	char name[IF_NAMESIZE];
	struct attrs address;

	attrs_string(attrs, IFLA_IFNAME, name, sizeof(name));
	if (strcmp(name, s->nic) != 0)
		return;
	s->found = true;
	*card = (struct nic_card){.ifindex = (uint32_t)info->ifi_index};
	attrs_string(attrs, IFLA_PARENT_DEV_NAME, card->bus_device, sizeof(card->bus_device));
	if (attrs_find(attrs, IFLA_PERM_ADDRESS, &address))
		address_print(address, card->address, sizeof(card->address));
	if (!*card->address && attrs_find(attrs, IFLA_ADDRESS, &address))
		address_print(address, card->address, sizeof(card->address));
}

int nic_card_get(struct nic_card *ret, const char *nic)
{
	struct nic_card card;
	struct search s = {.nic = nic, .card = &card};
	struct netlink *nl;
	int r = netlink_open(&nl, NULL);

	if (r < 0)
		return r;
	r = netlink_ask_links(nl, on_link, &s);
	netlink_close(nl);
	if (r == 0 && !s.found)
		r = -ENODEV;
	if (r == 0)
		*ret = card;
	return r;
}

bool nic_card_same(const struct nic_card *a, const struct nic_card *b)
{
	if (strcmp(a->bus_device, b->bus_device) != 0)
		return false;
	if (*a->address && strcmp(a->address, b->address) == 0)
		return true;
	return a->ifindex == b->ifindex && (*a->bus_device || (!*a->address && !*b->address));
}

void nic_card_say(const struct nic_card *card, char *buf, size_t size)
{
	snprintf(buf, size, "%s%s, address %s, index %u",
		 *card->bus_device ? "device " : "no device", card->bus_device,
		 *card->address ? card->address : "none", card->ifindex);
}
