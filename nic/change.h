/* SPDX-License-Identifier: MIT */
/*
 * Changes to an interface of this network namespace. All need CAP_NET_ADMIN, and some drivers take
 * the link down for a moment.
 *
 * Each returns 0 or the kernel's negative errno. Where the kernel says why, `why` (or NULL) gets
 * that sentence; else it is left empty.
 */
#ifndef ZCRX_NIC_CHANGE_H
#define ZCRX_NIC_CHANGE_H

#include <stdbool.h>
#include <stdint.h>

#define NIC_WHY_BYTES 128

/* Header split; `threshold` (bytes, for drivers that have one) is left alone with UINT32_MAX. */
enum nic_split {
	NIC_SPLIT_AUTO, /* as the driver likes */
	NIC_SPLIT_OFF,
	NIC_SPLIT_ON
};
int nic_split_set(uint32_t ifindex, enum nic_split split, uint32_t threshold,
		  char why[NIC_WHY_BYTES]);

/* The feature rx-ntuple-filter. */
int nic_ntuple_set(const char *nic, bool on);

/*
 * The table that spreads packets over receive queues: entry -> queue. The caller frees what it got.
 * Setting none (0 entries) gives the driver's default back.
 */
int nic_rss_get(const char *nic, uint32_t **ret_table, uint32_t *ret_entries);
int nic_rss_set(const char *nic, const uint32_t *table, uint32_t n);

/*
 * A rule that steers one TCP stream, or with remote port 0 all streams to a local address and port,
 * to a receive queue.
 */
struct nic_rule {
	int family;                       /* AF_INET, AF_INET6 */
	uint8_t local[16], remote[16];    /* network order; IPv4 uses the first four bytes */
	uint16_t local_port, remote_port; /* host order */
	uint32_t queue;
};

/* Do they match the same packets, wherever these go? */
bool nic_rule_same(const struct nic_rule *a, const struct nic_rule *b);

/*
 * -ENOSPC: the table is full; -EOPNOTSUPP, -EINVAL: the driver cannot match this; -EEXIST: it has
 * such a rule.
 */
int nic_rule_add(const char *nic, const struct nic_rule *rule, uint32_t *ret_location);
int nic_rule_del(const char *nic, uint32_t location);

/*
 * Deletes those of these that the interface has: they read back as they were set. Others stay.
 * Returns 0 or the first error.
 */
int nic_rules_del(const char *nic, const struct nic_rule *rules, uint32_t n);

/* The rules there are: where they stand and which queue they steer to. The caller frees the list.
 */
struct nic_rule_at {
	uint32_t location;
	uint32_t queue; /* UINT32_MAX: none, it drops or wakes */
};
int nic_rules_get(const char *nic, struct nic_rule_at **ret, uint32_t *ret_n);

/* Only where they stand, without asking for each. The caller frees the list. */
int nic_rule_locations(const char *nic, uint32_t **ret, uint32_t *ret_n);

#endif
