/* SPDX-License-Identifier: MIT */
/*
 * Finds where packets go whose payload a NIC of this network namespace received into memory that
 * the kernel cannot read: to sockets of this namespace, or of another one. They are routed by their
 * headers. Of the devices that lead into another namespace only netkit passes them on; a veth drops
 * them.
 */
#ifndef ZCRX_NIC_REACH_H
#define ZCRX_NIC_REACH_H

#include <stdbool.h>
#include <stdint.h>

enum nic_place_kind {
	NIC_PLACE_NONE,  /* neither here nor through netkit */
	NIC_PLACE_LOCAL, /* an address of this namespace's interfaces */
	NIC_PLACE_NETKIT /* routed through netkit into another namespace */
};

struct nic_place {
	enum nic_place_kind kind;
	uint32_t netns; /* the number that this namespace has for the other one */
};

static inline bool nic_place_same(const struct nic_place *a, const struct nic_place *b)
{
	return a->kind == b->kind && a->netns == b->netns;
}

struct ifaddrs;
struct msg_addr;

/* The address of an interface. Returns 0, or a negative errno if it is none of IP. */
int nic_address_of(const struct ifaddrs *i, struct msg_addr *ret);

/*
 * The addresses of this namespace's interfaces at one moment, and a connection to ask for routes.
 */
struct nic_places;

int nic_places_open(struct nic_places **ret);
struct nic_places *nic_places_close(struct nic_places *p);

/*
 * Finds where an address of the family AF_INET or AF_INET6 is, for packets that this NIC received.
 * A link-local address is local only if it is the NIC's. Returns 0 or a negative errno.
 */
int nic_place_find(struct nic_places *p, const char *nic, int family, const uint8_t ip[16],
		   struct nic_place *ret);

/*
 * The devices whose sockets get what a NIC receives: one that is bound to another device gets
 * nothing of it. Where the NIC is a VRF's, one that is bound to none gets nothing either (but with
 * the sysctl tcp_l3mdev_accept).
 */
struct nic_devices {
	uint32_t nic, master; /* ifindex; master: 0 if there is none */
	bool is_of_vrf;
};

/* Returns 0 or a negative errno. */
int nic_devices_find(const char *nic, struct nic_devices *ret);

/*
 * The number that this namespace has for the one of the descriptor. Returns 0, -EXDEV if it has
 * none, or another negative errno.
 */
int nic_netns_number(struct nic_places *p, int netns_fd, uint32_t *ret);

#endif
