/* SPDX-License-Identifier: MIT */
/*
 * Facts about network interfaces, which the functions below gather, one file for each source. No
 * function here judges or changes anything. Each group of facts has a member `err`: 0, or the
 * negative errno why the group is not known; its other members are then zero.
 */
#ifndef ZCRX_NIC_NIC_H
#define ZCRX_NIC_NIC_H

#include <net/if.h>
#include <stdbool.h>
#include <stdint.h>

#include "nic/steering.h"

enum tri {
	TRI_UNKNOWN = 0,
	TRI_NO,
	TRI_YES,
};

struct link_facts {
	char name[IF_NAMESIZE];
	uint32_t ifindex;
	bool loopback, ether, up, carrier;
	uint32_t mtu;
	char kind[16];          /* "bond", "vlan", "veth", ...; empty for hardware */
	uint32_t lower, master; /* ifindex or 0 */
	bool lower_elsewhere;   /* the lower device is in another network namespace */
	char bus_device[32];    /* e.g. "0000:17:00.0"; empty: no hardware behind it */
	uint8_t xdp;            /* XDP_ATTACHED_* */
	uint32_t xdp_program;   /* the id of the XDP program */
	char lower_name[IF_NAMESIZE];
	char master_name[IF_NAMESIZE], master_kind[16];
	char members[160]; /* names of the links that have this as master */
	char uppers[160];  /* names of the links stacked on it (vlan, macvlan, ...) */
};

struct feature {
	bool active;
	bool fixed; /* the feature cannot be changed */
};

struct ethtool_facts {
	int driver_err;
	char driver[32];

	int rings_err;
	enum tri split;        /* tcp-data-split; unknown: the driver does not tell */
	enum tri thresh_known; /* does the driver tell hds-thresh? */
	uint32_t thresh;

	int channels_err;
	uint32_t rx_queues, rx_queues_max;

	int features_err;
	struct feature gro_hw, ntuple;
};

struct queue_facts {
	bool listed; /* queue-get lists the queue; if not, its holder is not known */
	bool io_uring, dmabuf, xsk, leased;
	uint32_t dmabuf_id;
	uint32_t lease_ifindex, lease_queue;
	bool lease_elsewhere; /* it is leased to a device in another network namespace */
};

struct nic_facts {
	struct link_facts link;
	struct ethtool_facts ethtool;
	struct nic_steering steering;
	uint64_t xdp_features;
	int queues_err;
	struct queue_facts *queues;
	unsigned n_queues;
	int pools_err;
	unsigned dead_pools;       /* page pools that were detached and still wait for buffers */
	uint64_t dead_pools_bytes; /* the bytes that these page pools hold */
	int probe_err;             /* errno of bind-rx with a bad dma-buf; 0: not tried */
};

static inline bool nic_queue_is_held(const struct queue_facts *q)
{
	return q->io_uring || q->dmabuf || q->xsk || q->leased;
}

/*
 * The facts of receive queue `id`, for which it makes room. Returns NULL if there is no memory or
 * no such queue can be.
 */
struct queue_facts *nic_queue(struct nic_facts *nic, uint32_t id);

/*
 * Lists the links of this network namespace, with what they stand on and what stands on them.
 * Returns 0 or a negative errno; the caller frees the list.
 */
int links_gather(struct link_facts **ret, unsigned *ret_n);

/* These gather facts of a NIC whose `link` is set. */
void ethtool_nl_gather(struct nic_facts *nic);
void ethtool_ioctl_gather(struct nic_facts *nic);
void netdev_genl_gather(struct nic_facts *nic);

/* Gathers only the queues and who holds them. */
void netdev_genl_queues(struct nic_facts *nic);

/* Gathers all facts about the link. nic_done() frees them. */
void nic_gather(struct nic_facts *nic, const struct link_facts *link);

/*
 * Gathers all facts about the interface of this name but those of its link. Returns 0 or -ENODEV.
 */
int nic_gather_named(struct nic_facts *nic, const char *name);

void nic_done(struct nic_facts *nic);

/* Could an interface have this name? The kernel's rule (net/core/dev.c: dev_valid_name()). */
bool nic_name_is_valid(const char *name);

#endif
