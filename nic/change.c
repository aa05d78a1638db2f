/* SPDX-License-Identifier: MIT */
#include "nic/change.h"

#include <errno.h>
#include <linux/ethtool.h>
#include <linux/ethtool_netlink.h>
#include <stdlib.h>
#include <string.h>

#include "nic/ethtool.h"
#include "nic/netlink.h"

/* More than any driver has; a larger count is a misreading. */
#define RSS_MAX 65536u

int nic_split_set(uint32_t ifindex, enum nic_split split, uint32_t threshold,
		  char why[NIC_WHY_BYTES])
{
	static const uint8_t values[] = {
		[NIC_SPLIT_AUTO] = ETHTOOL_TCP_DATA_SPLIT_UNKNOWN,
		[NIC_SPLIT_OFF] = ETHTOOL_TCP_DATA_SPLIT_DISABLED,
		[NIC_SPLIT_ON] = ETHTOOL_TCP_DATA_SPLIT_ENABLED,
	};
	const struct netlink_put puts[] = {
		{ETHTOOL_A_RINGS_HEADER, ETHTOOL_A_HEADER_DEV_INDEX, ifindex, 0},
		{0, ETHTOOL_A_RINGS_TCP_DATA_SPLIT, values[split], 1},
		{0, ETHTOOL_A_RINGS_HDS_THRESH, threshold, 0},
	};
	const struct netlink_request request = {
		.cmd = ETHTOOL_MSG_RINGS_SET,
		.puts = puts,
		.n_puts = threshold == UINT32_MAX ? 2 : 3,
		.why = why,
		.why_bytes = why ? NIC_WHY_BYTES : 0,
	};
	struct netlink *nl;
	int r = netlink_open(&nl, ETHTOOL_GENL_NAME);

	if (r < 0)
		return r;
	r = netlink_ask(nl, &request);
	netlink_close(nl);
	return r;
}

int nic_ntuple_set(const char *nic, bool on)
{
	struct ethtool_value flags = {.cmd = ETHTOOL_GFLAGS};
	int r = ethtool_call(nic, &flags);

	if (r < 0 || !(flags.data & ETH_FLAG_NTUPLE) == !on)
		return r;
	flags.cmd = ETHTOOL_SFLAGS;
	flags.data ^= ETH_FLAG_NTUPLE;
	return ethtool_call(nic, &flags);
}

static struct ethtool_rxfh_indir *rss_alloc(uint32_t cmd, uint32_t entries)
{
	struct ethtool_rxfh_indir *table =
		calloc(1, sizeof(*table) + entries * sizeof(table->ring_index[0]));

	if (table) {
		table->cmd = cmd;
		table->size = entries;
	}
	return table;
}

int nic_rss_get(const char *nic, uint32_t **ret_table, uint32_t *ret_entries)
{
	struct ethtool_rxfh_indir size = {.cmd = ETHTOOL_GRXFHINDIR}, *table;
	uint32_t *copy;
	int r = ethtool_call(nic, &size);

	if (r < 0)
		return r;
	if (size.size == 0 || size.size > RSS_MAX)
		return -EOPNOTSUPP;
	table = rss_alloc(ETHTOOL_GRXFHINDIR, size.size);
	copy = calloc(size.size, sizeof(*copy));
	r = table && copy ? ethtool_call(nic, table) : -ENOMEM;
	if (r == 0) {
		memcpy(copy, table->ring_index, size.size * sizeof(*copy));
		*ret_table = copy;
		*ret_entries = size.size;
	} else {
		free(copy);
	}
	free(table);
	return r;
}

int nic_rss_set(const char *nic, const uint32_t *table, uint32_t n)
{
	struct ethtool_rxfh_indir *indir = rss_alloc(ETHTOOL_SRXFHINDIR, n);
	int r;

	if (!indir)
		return -ENOMEM;
	if (n)
		memcpy(indir->ring_index, table, n * sizeof(*table));
	r = ethtool_call(nic, indir);
	free(indir);
	return r;
}
