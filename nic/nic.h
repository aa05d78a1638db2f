/* SPDX-License-Identifier: MIT */
/*
 * What can be learned of network interfaces: plain data, filled by the gatherers below, one file an
 * origin. Nothing here is an opinion, and no gatherer changes anything.
 *
 * Invariant: a group of facts that could not be learned carries the reason as a negative errno in
 * its `err` member; the members beside it are then zero. 0 means the group is true.
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
	uint32_t xdp_program;   /* its id */
	char lower_name[IF_NAMESIZE];
	char master_name[IF_NAMESIZE], master_kind[16];
	char members[160]; /* names of the links that have this as master */
	char uppers[160];  /* names of the links stacked on it (vlan, macvlan, ...) */
};

struct feature {
	bool active;
	bool fixed; /* cannot be changed */
};

struct ethtool_facts {
	int driver_err;
	char driver[32];

	int rings_err;
	enum tri split;        /* tcp-data-split; unknown: the driver does not say */
	enum tri thresh_known; /* does the driver say hds-thresh? */
	uint32_t thresh;

	int channels_err;
	uint32_t rx_queues, rx_queues_max;

	int features_err;
	struct feature gro_hw, ntuple;
};

struct queue_facts {
	bool listed; /* by queue-get; if not, nothing is known about a holder */
	bool io_uring, dmabuf, xsk, leased;
	uint32_t dmabuf_id;
	uint32_t lease_ifindex, lease_queue;
	bool lease_elsewhere; /* to a device in another network namespace */
};

struct nic_facts {
	struct link_facts link;
	struct ethtool_facts ethtool;
	struct nic_steering steering;
	int dev_err;
	uint64_t xdp_features;
	int queues_err;
	struct queue_facts *queues;
	unsigned n_queues;
	int pools_err;
	unsigned dead_pools;       /* page pools that were detached and still wait for buffers */
	uint64_t dead_pools_bytes; /* ... and what they hold */
	int probe_err;             /* errno of bind-rx with a bad dma-buf; 0: not tried */
};

static inline bool nic_queue_is_held(const struct queue_facts *q)
{
	return q->io_uring || q->dmabuf || q->xsk || q->leased;
}

/* Returns the facts of receive queue `id`, making room for it, or NULL if that cannot be. */
struct queue_facts *nic_queue(struct nic_facts *nic, uint32_t id);

/*
 * Lists the links of this network namespace, with what they stand on and what stands on them.
 * Returns 0 or a negative errno; the caller frees the list.
 */
int links_gather(struct link_facts **ret, unsigned *ret_n);

/* These fill a NIC whose `link` is set. */
void ethtool_nl_gather(struct nic_facts *nic);
void ethtool_ioctl_gather(struct nic_facts *nic);
void netdev_genl_gather(struct nic_facts *nic);

/* Of the last one's only the queues, and who holds them. */
void netdev_genl_queues(struct nic_facts *nic);

/* All of them about the link; nic_done() frees what they found. */
void nic_gather(struct nic_facts *nic, const struct link_facts *link);

/* The same of an interface of that name, of whose link nothing else is filled in; or -ENODEV. */
int nic_gather_named(struct nic_facts *nic, const char *name);

void nic_done(struct nic_facts *nic);

/* Could an interface have this name? The kernel's rule (net/core/dev.c: dev_valid_name()). */
bool nic_name_is_valid(const char *name);

#endif
