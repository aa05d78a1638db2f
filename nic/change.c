/* SPDX-License-Identifier: MIT */
#include "change.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/ethtool.h>
#include <linux/ethtool_netlink.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ethtool.h"
#include "netlink.h"

/* More than any driver has; a larger count is a misreading. */
#define RSS_MAX   65536u
#define RULES_MAX 65536u

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

bool nic_rule_same(const struct nic_rule *a, const struct nic_rule *b)
{
	return a->family == b->family && a->local_port == b->local_port &&
	       a->remote_port == b->remote_port &&
	       memcmp(a->local, b->local, sizeof(a->local)) == 0 &&
	       memcmp(a->remote, b->remote, sizeof(a->remote)) == 0;
}

static void spec_ipv4(struct ethtool_rx_flow_spec *fs, const struct nic_rule *rule)
{
	struct ethtool_tcpip4_spec *spec = &fs->h_u.tcp_ip4_spec, *mask = &fs->m_u.tcp_ip4_spec;

	fs->flow_type = TCP_V4_FLOW;
	memcpy(&spec->ip4dst, rule->local, 4);
	mask->ip4dst = UINT32_MAX;
	spec->pdst = htons(rule->local_port);
	mask->pdst = UINT16_MAX;
	if (!rule->remote_port)
		return;
	memcpy(&spec->ip4src, rule->remote, 4);
	spec->psrc = htons(rule->remote_port);
	mask->ip4src = UINT32_MAX;
	mask->psrc = UINT16_MAX;
}

static void spec_ipv6(struct ethtool_rx_flow_spec *fs, const struct nic_rule *rule)
{
	struct ethtool_tcpip6_spec *spec = &fs->h_u.tcp_ip6_spec, *mask = &fs->m_u.tcp_ip6_spec;

	fs->flow_type = TCP_V6_FLOW;
	memcpy(spec->ip6dst, rule->local, 16);
	memset(mask->ip6dst, 0xff, 16);
	spec->pdst = htons(rule->local_port);
	mask->pdst = UINT16_MAX;
	if (!rule->remote_port)
		return;
	memcpy(spec->ip6src, rule->remote, 16);
	spec->psrc = htons(rule->remote_port);
	memset(mask->ip6src, 0xff, 16);
	mask->psrc = UINT16_MAX;
}

/* All of it but where it stands. */
static void spec_write(struct ethtool_rx_flow_spec *ret, const struct nic_rule *rule)
{
	*ret = (struct ethtool_rx_flow_spec){.location = ret->location, .ring_cookie = rule->queue};
	if (rule->family == AF_INET)
		spec_ipv4(ret, rule);
	else
		spec_ipv6(ret, rule);
}

/* The locations of all rules; the caller frees them. ->data is the size of the table. */
static int locations_get(const char *nic, struct ethtool_rxnfc **ret, uint64_t *ret_flags)
{
	struct ethtool_rxnfc count = {.cmd = ETHTOOL_GRXCLSRLCNT}, *all;
	int r = ethtool_call(nic, &count);

	if (r < 0)
		return r;
	if (count.rule_cnt > RULES_MAX)
		return -EOPNOTSUPP;
	all = calloc(1, sizeof(*all) + count.rule_cnt * sizeof(all->rule_locs[0]));
	if (!all)
		return -ENOMEM;
	all->cmd = ETHTOOL_GRXCLSRLALL;
	all->rule_cnt = count.rule_cnt;
	r = ethtool_call(nic, all);
	if (r == 0 && all->rule_cnt > count.rule_cnt)
		r = -EAGAIN;
	if (r < 0) {
		free(all);
		return r;
	}
	*ret = all;
	*ret_flags = count.data;
	return 0;
}

static bool location_taken(const struct ethtool_rxnfc *all, uint32_t location)
{
	for (uint32_t i = 0; i < all->rule_cnt; i++)
		if (all->rule_locs[i] == location)
			return true;
	return false;
}

/* Where a new rule is to stand: where the driver likes, else at the end of the table. */
static int location_choose(const char *nic, uint32_t *ret)
{
	struct ethtool_rxnfc *all = NULL;
	uint64_t flags = 0;
	uint32_t at;
	int r = locations_get(nic, &all, &flags);

	if (r < 0)
		return r;
	*ret = RX_CLS_LOC_ANY;
	if (!(flags & RX_CLS_LOC_SPECIAL)) {
		at = all->data < RULES_MAX ? (uint32_t)all->data : RULES_MAX;
		while (at > 0 && location_taken(all, at - 1))
			at--;
		r = at > 0 ? 0 : -ENOSPC;
		*ret = at - 1;
	}
	free(all);
	return r;
}

int nic_rules_get(const char *nic, struct nic_rule_at **ret, uint32_t *ret_n)
{
	struct ethtool_rxnfc *all = NULL;
	struct nic_rule_at *rules;
	uint64_t flags;
	uint32_t n = 0;
	int r = locations_get(nic, &all, &flags);

	if (r < 0)
		return r;
	rules = calloc(all->rule_cnt + 1, sizeof(*rules));
	for (uint32_t i = 0; rules && i < all->rule_cnt; i++) {
		struct ethtool_rxnfc nfc = {.cmd = ETHTOOL_GRXCLSRULE,
					    .fs = {.location = all->rule_locs[i]}};

		if (ethtool_call(nic, &nfc) < 0)
			continue; /* gone meanwhile */
		rules[n].location = nfc.fs.location;
		rules[n++].queue =
			nfc.fs.ring_cookie >= RX_CLS_FLOW_WAKE
				? UINT32_MAX
				: (uint32_t)ethtool_get_flow_spec_ring(nfc.fs.ring_cookie);
	}
	free(all);
	*ret = rules;
	*ret_n = n;
	return rules ? 0 : -ENOMEM;
}

/* Are they the same rule? What a mask leaves out does not count. */
static bool spec_same(const struct ethtool_rx_flow_spec *a, const struct ethtool_rx_flow_spec *b)
{
	bool v4 = b->flow_type == TCP_V4_FLOW;
	size_t n = v4 ? offsetof(struct ethtool_tcpip4_spec, tos) + 1
		      : offsetof(struct ethtool_tcpip6_spec, tclass) + 1;
	const uint8_t *value_a = a->h_u.hdata, *value_b = b->h_u.hdata;
	const uint8_t *mask_a = a->m_u.hdata, *mask_b = b->m_u.hdata;

	if (a->flow_type != b->flow_type || a->ring_cookie != b->ring_cookie)
		return false;
	for (size_t i = 0; i < n; i++)
		if (mask_a[i] != mask_b[i] || ((value_a[i] ^ value_b[i]) & mask_b[i]))
			return false;
	return true;
}

static bool spec_is_of(const struct ethtool_rx_flow_spec *fs, const struct nic_rule *rules,
		       uint32_t n)
{
	for (uint32_t i = 0; i < n; i++) {
		struct ethtool_rx_flow_spec ours;

		if (fs->ring_cookie != rules[i].queue)
			continue;
		ours.location = fs->location;
		spec_write(&ours, &rules[i]);
		if (spec_same(fs, &ours))
			return true;
	}
	return false;
}

int nic_rules_del(const char *nic, const struct nic_rule *rules, uint32_t n)
{
	struct ethtool_rxnfc *all = NULL;
	uint64_t flags;
	int r = n ? locations_get(nic, &all, &flags) : 0;

	for (uint32_t i = 0; r == 0 && n && i < all->rule_cnt; i++) {
		struct ethtool_rxnfc nfc = {.cmd = ETHTOOL_GRXCLSRULE,
					    .fs = {.location = all->rule_locs[i]}};

		if (ethtool_call(nic, &nfc) == 0 && spec_is_of(&nfc.fs, rules, n))
			r = nic_rule_del(nic, nfc.fs.location);
	}
	free(all);
	return r;
}

int nic_rule_locations(const char *nic, uint32_t **ret, uint32_t *ret_n)
{
	struct ethtool_rxnfc *all = NULL;
	uint32_t *list;
	uint64_t flags;
	int r = locations_get(nic, &all, &flags);

	if (r < 0)
		return r;
	list = calloc(all->rule_cnt + 1, sizeof(*list));
	if (list) {
		memcpy(list, all->rule_locs, all->rule_cnt * sizeof(*list));
		*ret = list;
		*ret_n = all->rule_cnt;
	}
	free(all);
	return list ? 0 : -ENOMEM;
}

int nic_rule_add(const char *nic, const struct nic_rule *rule, uint32_t *ret_location)
{
	struct ethtool_rxnfc nfc = {.cmd = ETHTOOL_SRXCLSRLINS};
	int r = location_choose(nic, &nfc.fs.location);

	if (r < 0)
		return r;
	spec_write(&nfc.fs, rule);
	r = ethtool_call(nic, &nfc);
	if (r == 0)
		*ret_location = nfc.fs.location;
	return r;
}

int nic_rule_del(const char *nic, uint32_t location)
{
	struct ethtool_rxnfc nfc = {.cmd = ETHTOOL_SRXCLSRLDEL, .fs = {.location = location}};

	return ethtool_call(nic, &nfc);
}
