// SPDX-License-Identifier: GPL-2.0-only
/*
 * Flow rules for TCP, with wildcards, and steering by them.
 *
 * Rules are looked through in the order of their locations; the first that matches decides. The
 * list is changed under the instance lock and read under RCU.
 */
#include <linux/rculist.h>
#include <net/ipv6.h>

#include "zcnic.h"

struct zcnic_rule {
	struct list_head list;
	struct rcu_head rcu;
	struct ethtool_rx_flow_spec fs;
	u32 context;			/* with FLOW_RSS */
};

static u32 zcnic_rule_type(const struct zcnic_rule *rule)
{
	return rule->fs.flow_type & ~FLOW_RSS;
}

static bool zcnic_v6_match(const __be32 value[4], const __be32 mask[4], const struct in6_addr *addr)
{
	return !ipv6_masked_addr_cmp((const struct in6_addr *)value, (const struct in6_addr *)mask,
				     addr);
}

static bool zcnic_rule_match(const struct zcnic_rule *rule, const struct zcnic_flow *flow)
{
	const struct ethtool_tcpip4_spec *h4 = &rule->fs.h_u.tcp_ip4_spec;
	const struct ethtool_tcpip4_spec *m4 = &rule->fs.m_u.tcp_ip4_spec;
	const struct ethtool_tcpip6_spec *h6 = &rule->fs.h_u.tcp_ip6_spec;
	const struct ethtool_tcpip6_spec *m6 = &rule->fs.m_u.tcp_ip6_spec;

	if (zcnic_rule_type(rule) == TCP_V4_FLOW)
		return flow->family == AF_INET &&
		       !((h4->ip4src ^ flow->v4.saddr) & m4->ip4src) &&
		       !((h4->ip4dst ^ flow->v4.daddr) & m4->ip4dst) &&
		       !((h4->psrc ^ flow->sport) & m4->psrc) &&
		       !((h4->pdst ^ flow->dport) & m4->pdst);
	return flow->family == AF_INET6 &&
	       zcnic_v6_match(h6->ip6src, m6->ip6src, &flow->v6.saddr) &&
	       zcnic_v6_match(h6->ip6dst, m6->ip6dst, &flow->v6.daddr) &&
	       !((h6->psrc ^ flow->sport) & m6->psrc) &&
	       !((h6->pdst ^ flow->dport) & m6->pdst);
}

/**
 * zcnic_steer() - find the receive queue of a packet
 * @port: the port it arrives at, the RCU read lock held
 * @flow: what the parser found
 * @hash: RSS hash, written
 *
 * Return: a queue or ZCNIC_QUEUE_DROP.
 */
int zcnic_steer(const struct zcnic_port *port, const struct zcnic_flow *flow, u32 *hash)
{
	const struct zcnic_rule *rule;
	unsigned int queue;

	if (flow->ip_proto != IPPROTO_TCP)
		return zcnic_rss_queue(port, 0, flow, hash);

	list_for_each_entry_rcu(rule, &port->rules, list, rcu_read_lock_bh_held()) {
		if (!zcnic_rule_match(rule, flow))
			continue;
		queue = zcnic_rss_queue(port, rule->context, flow, hash);
		if (rule->fs.ring_cookie == RX_CLS_FLOW_DISC)
			return ZCNIC_QUEUE_DROP;
		return rule->fs.flow_type & FLOW_RSS ? queue : rule->fs.ring_cookie;
	}
	return zcnic_rss_queue(port, 0, flow, hash);
}

static struct zcnic_rule *zcnic_rule_find(struct zcnic_port *port, u32 location)
{
	struct zcnic_rule *rule;

	list_for_each_entry(rule, &port->rules, list)
		if (rule->fs.location == location)
			return rule;
	return NULL;
}

static void zcnic_rule_remove(struct zcnic_port *port, struct zcnic_rule *rule)
{
	list_del_rcu(&rule->list);
	kfree_rcu(rule, rcu);
	port->n_rules--;
}

void zcnic_rules_flush(struct zcnic_port *port)
{
	struct zcnic_rule *rule, *next;

	list_for_each_entry_safe(rule, next, &port->rules, list)
		zcnic_rule_remove(port, rule);
}

/* Makes a special location a real one. */
static int zcnic_rule_place(struct zcnic_port *port, struct ethtool_rx_flow_spec *fs)
{
	u32 i;

	if (READ_ONCE(port->faults.plain_locations) && fs->location & RX_CLS_LOC_SPECIAL)
		return -EINVAL;
	switch (fs->location) {
	case RX_CLS_LOC_ANY:
	case RX_CLS_LOC_FIRST:
		for (i = 0; i < ZCNIC_RULES && zcnic_rule_find(port, i); i++)
			;
		break;
	case RX_CLS_LOC_LAST:
		for (i = ZCNIC_RULES; i && zcnic_rule_find(port, i - 1); i--)
			;
		i = i ? i - 1 : ZCNIC_RULES;
		break;
	default:
		if (fs->location >= ZCNIC_RULES)
			return -EINVAL;
		return 0;
	}
	if (i == ZCNIC_RULES)
		return -ENOSPC;
	fs->location = i;
	return 0;
}

static int zcnic_rule_check(const struct net_device *dev, const struct ethtool_rx_flow_spec *fs)
{
	switch (fs->flow_type & ~FLOW_RSS) {
	case TCP_V4_FLOW:
		if (fs->m_u.tcp_ip4_spec.tos)
			return -EOPNOTSUPP;
		break;
	case TCP_V6_FLOW:
		if (fs->m_u.tcp_ip6_spec.tclass)
			return -EOPNOTSUPP;
		break;
	default:
		return -EOPNOTSUPP;
	}
	if (fs->ring_cookie != RX_CLS_FLOW_DISC && fs->ring_cookie >= dev->real_num_rx_queues)
		return -EINVAL;
	return 0;
}

static int zcnic_rule_insert(struct net_device *dev, struct ethtool_rxnfc *info)
{
	struct zcnic_port *port = netdev_priv(dev);
	struct zcnic_rule *rule, *old, *pos;
	int err;

	if (!(dev->features & NETIF_F_NTUPLE))
		return -EOPNOTSUPP;
	err = zcnic_rule_check(dev, &info->fs);
	if (err)
		return err;
	err = zcnic_rule_place(port, &info->fs);
	if (err)
		return err;

	rule = kzalloc_obj(*rule);
	if (!rule)
		return -ENOMEM;
	rule->fs = info->fs;
	if (rule->fs.flow_type & FLOW_RSS)
		rule->context = info->rss_context;

	old = zcnic_rule_find(port, rule->fs.location);
	if (old)
		zcnic_rule_remove(port, old);
	list_for_each_entry(pos, &port->rules, list)
		if (pos->fs.location > rule->fs.location)
			break;
	list_add_tail_rcu(&rule->list, &pos->list);
	port->n_rules++;
	return 0;
}

int zcnic_set_rxnfc(struct net_device *dev, struct ethtool_rxnfc *info)
{
	struct zcnic_port *port = netdev_priv(dev);
	struct zcnic_rule *rule;

	switch (info->cmd) {
	case ETHTOOL_SRXCLSRLINS:
		return zcnic_rule_insert(dev, info);
	case ETHTOOL_SRXCLSRLDEL:
		rule = zcnic_rule_find(port, info->fs.location);
		if (!rule)
			return -ENOENT;
		zcnic_rule_remove(port, rule);
		return 0;
	}
	return -EOPNOTSUPP;
}

int zcnic_get_rxnfc(struct net_device *dev, struct ethtool_rxnfc *info, u32 *locs)
{
	struct zcnic_port *port = netdev_priv(dev);
	struct zcnic_rule *rule;
	u32 n = 0;

	switch (info->cmd) {
	case ETHTOOL_GRXCLSRLCNT:
		info->rule_cnt = port->n_rules;
		info->data = ZCNIC_RULES;
		if (!READ_ONCE(port->faults.plain_locations))
			info->data |= RX_CLS_LOC_SPECIAL;
		return 0;
	case ETHTOOL_GRXCLSRULE:
		rule = zcnic_rule_find(port, info->fs.location);
		if (!rule)
			return -ENOENT;
		info->fs = rule->fs;
		info->rss_context = rule->context;
		return 0;
	case ETHTOOL_GRXCLSRLALL:
		list_for_each_entry(rule, &port->rules, list) {
			if (n == info->rule_cnt)
				return -EMSGSIZE;
			locs[n++] = rule->fs.location;
		}
		info->rule_cnt = n;
		info->data = ZCNIC_RULES;
		return 0;
	}
	return -EOPNOTSUPP;
}
