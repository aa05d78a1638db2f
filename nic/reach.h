/* SPDX-License-Identifier: MIT */
/*
 * Where packets go that a NIC of this network namespace received into memory that the kernel cannot
 * read: to sockets of this namespace, or of another one. Routing is done by their headers, but of
 * the devices that lead into another namespace only netkit takes them. A veth drops them.
 */
#ifndef ZCRX_NIC_REACH_H
#define ZCRX_NIC_REACH_H

#include <stdbool.h>
#include <stdint.h>

enum nic_place_kind {
	NIC_PLACE_NONE,  /* not here, nor through netkit */
	NIC_PLACE_LOCAL, /* an address of this namespace's interfaces */
	NIC_PLACE_NETKIT /* routed through netkit into another namespace */
};

struct nic_place {
	enum nic_place_kind kind;
	uint32_t netns; /* by the number that this namespace has for the other one */
};

static inline bool nic_place_same(const struct nic_place *a, const struct nic_place *b)
{
	return a->kind == b->kind && a->netns == b->netns;
}

struct ifaddrs;
struct msg_addr;

/* The address of an interface. Returns 0 or a negative errno for what is not of IP. */
int nic_address_of(const struct ifaddrs *i, struct msg_addr *ret);

/* The local addresses of this moment, and a way to ask for routes. */
struct nic_places;

int nic_places_open(struct nic_places **ret);
struct nic_places *nic_places_close(struct nic_places *p);

/*
 * Where the address (of the family AF_INET or AF_INET6) is, for packets that this NIC received: a
 * link-local address counts only if it is the NIC's. Returns 0 or a negative errno.
 */
int nic_place_find(struct nic_places *p, const char *nic, int family, const uint8_t ip[16],
		   struct nic_place *ret);

/* The number that this namespace has for another one. */
int nic_netns_number(struct nic_places *p, int netns_fd, uint32_t *ret);

#endif
