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

#endif
