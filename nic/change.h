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

/* Sets header split and its threshold, in bytes. UINT32_MAX leaves the threshold as it is. */
enum nic_split {
	NIC_SPLIT_AUTO, /* the driver decides */
	NIC_SPLIT_OFF,
	NIC_SPLIT_ON
};
int nic_split_set(uint32_t ifindex, enum nic_split split, uint32_t threshold,
		  char why[NIC_WHY_BYTES]);

/* Switches the feature rx-ntuple-filter. */
int nic_ntuple_set(const char *nic, bool on);

/*
 * The RSS table, which spreads packets over receive queues: the queue of each entry. The caller
 * frees the table that it gets. Setting 0 entries restores the driver's default.
 */
int nic_rss_get(const char *nic, uint32_t **ret_table, uint32_t *ret_entries);
int nic_rss_set(const char *nic, const uint32_t *table, uint32_t n);

#endif
