// SPDX-License-Identifier: GPL-2.0-only
/*
 * Receive side scaling: Toeplitz hash, indirection tables, contexts.
 *
 * Context 0 is the port's own; others are reached through rules only. A context is replaced as a
 * whole under RCU, so that the datapath sees either the old one or the new one.
 */
#include <linux/unaligned.h>

#include "zcnic.h"

/* The longest input is two IPv6 addresses and two ports; the window ends 32 bits after it. */
static_assert(ZCNIC_RSS_KEY_LEN >= 2 * sizeof(struct in6_addr) + 2 * sizeof(__be16) + sizeof(u32));

static u32 zcnic_toeplitz(const u8 *key, const u8 *data, size_t len)
{
	u32 window = get_unaligned_be32(key);
	u32 hash = 0;
	size_t i;
	int bit;

	for (i = 0; i < len; i++) {
		for (bit = 7; bit >= 0; bit--) {
			if (data[i] & BIT(bit))
				hash ^= window;
			window = window << 1 | (key[i + sizeof(u32)] >> bit & 1);
		}
	}
	return hash;
}

static u32 zcnic_rss_hash(const u8 *key, const struct zcnic_flow *flow)
{
	struct {
		u8 addrs[2 * sizeof(struct in6_addr)];
		u8 ports[2 * sizeof(__be16)];
	} in;
	size_t len;

	switch (flow->family) {
	case AF_INET:
		len = sizeof(flow->v4);
		memcpy(in.addrs, &flow->v4, len);
		break;
	case AF_INET6:
		len = sizeof(flow->v6);
		memcpy(in.addrs, &flow->v6, len);
		break;
	default:
		return 0;
	}
	if (flow->sport || flow->dport) {
		memcpy((u8 *)&in + len, &flow->sport, sizeof(flow->sport));
		len += sizeof(flow->sport);
		memcpy((u8 *)&in + len, &flow->dport, sizeof(flow->dport));
		len += sizeof(flow->dport);
	}
	return zcnic_toeplitz(key, (u8 *)&in, len);
}

/**
 * zcnic_rss_queue() - spread a flow
 * @port: the port, the RCU read lock held
 * @context: RSS context; one that is gone counts as 0
 * @flow: the flow
 * @hash: written
 *
 * Return: the queue.
 */
unsigned int zcnic_rss_queue(const struct zcnic_port *port, u32 context,
			     const struct zcnic_flow *flow, u32 *hash)
{
	const struct zcnic_rss *rss;

	rss = rcu_dereference_bh(port->rss[context]) ?: rcu_dereference_bh(port->rss[0]);
	*hash = zcnic_rss_hash(rss->key, flow);
	return rss->indir[*hash % ZCNIC_RSS_INDIR_LEN];
}

static void zcnic_rss_default_indir(u32 *indir, unsigned int queues)
{
	unsigned int i;

	for (i = 0; i < ZCNIC_RSS_INDIR_LEN; i++)
		indir[i] = ethtool_rxfh_indir_default(i, queues);
}

/* The port's configuration lock keeps writers apart: ethtool's for contexts, rtnl for channels. */
static struct zcnic_rss *zcnic_rss_get(const struct zcnic_port *port, u32 context)
{
	return rcu_dereference_protected(port->rss[context], true);
}

/* Replaces @context, taking over from @base what @indir and @key leave out. */
static int zcnic_rss_replace(struct zcnic_port *port, u32 context, const struct zcnic_rss *base,
			     const u32 *indir, const u8 *key)
{
	struct zcnic_rss *old = zcnic_rss_get(port, context);
	struct zcnic_rss *new;

	new = kmalloc_obj(*new);
	if (!new)
		return -ENOMEM;
	memcpy(new->indir, indir ?: base->indir, sizeof(new->indir));
	memcpy(new->key, key ?: base->key, sizeof(new->key));
	rcu_assign_pointer(port->rss[context], new);
	if (old)
		kfree_rcu(old, rcu);
	return 0;
}

/**
 * zcnic_rss_spread() - make the port's own table use this many queues evenly
 * @port: the port
 * @queues: number of queues
 *
 * Return: 0 or a negative errno.
 */
int zcnic_rss_spread(struct zcnic_port *port, unsigned int queues)
{
	u32 indir[ZCNIC_RSS_INDIR_LEN];

	zcnic_rss_default_indir(indir, queues);
	return zcnic_rss_replace(port, 0, zcnic_rss_get(port, 0), indir, NULL);
}

int zcnic_rss_init(struct zcnic_port *port)
{
	u32 indir[ZCNIC_RSS_INDIR_LEN];
	u8 key[ZCNIC_RSS_KEY_LEN];

	zcnic_rss_default_indir(indir, port->dev->real_num_rx_queues);
	netdev_rss_key_fill(key, sizeof(key));
	return zcnic_rss_replace(port, 0, NULL, indir, key);
}

void zcnic_rss_exit(struct zcnic_port *port)
{
	unsigned int i;

	for (i = 0; i < ZCNIC_RSS_CONTEXTS; i++)
		kfree(zcnic_rss_get(port, i));
}

static int zcnic_rss_check(const struct ethtool_rxfh_param *rxfh, struct netlink_ext_ack *extack)
{
	if (rxfh->hfunc != ETH_RSS_HASH_NO_CHANGE && rxfh->hfunc != ETH_RSS_HASH_TOP) {
		NL_SET_ERR_MSG_MOD(extack, "the only hash function is Toeplitz");
		return -EOPNOTSUPP;
	}
	if (rxfh->input_xfrm != RXH_XFRM_NO_CHANGE && rxfh->input_xfrm) {
		NL_SET_ERR_MSG_MOD(extack, "the hash's input cannot be transformed");
		return -EOPNOTSUPP;
	}
	return 0;
}

u32 zcnic_get_rxfh_key_size(struct net_device *dev)
{
	return ZCNIC_RSS_KEY_LEN;
}

u32 zcnic_get_rxfh_indir_size(struct net_device *dev)
{
	return ZCNIC_RSS_INDIR_LEN;
}

int zcnic_get_rxfh(struct net_device *dev, struct ethtool_rxfh_param *rxfh)
{
	const struct zcnic_rss *rss = zcnic_rss_get(netdev_priv(dev), 0);

	rxfh->hfunc = ETH_RSS_HASH_TOP;
	if (rxfh->indir)
		memcpy(rxfh->indir, rss->indir, sizeof(rss->indir));
	if (rxfh->key)
		memcpy(rxfh->key, rss->key, sizeof(rss->key));
	return 0;
}

int zcnic_set_rxfh(struct net_device *dev, struct ethtool_rxfh_param *rxfh,
		   struct netlink_ext_ack *extack)
{
	struct zcnic_port *port = netdev_priv(dev);
	int err;

	err = zcnic_rss_check(rxfh, extack);
	if (err)
		return err;
	return zcnic_rss_replace(port, 0, zcnic_rss_get(port, 0), rxfh->indir, rxfh->key);
}

int zcnic_get_rxfh_fields(struct net_device *dev, struct ethtool_rxfh_fields *fields)
{
	switch (fields->flow_type) {
	case TCP_V4_FLOW:
	case TCP_V6_FLOW:
	case UDP_V4_FLOW:
	case UDP_V6_FLOW:
		fields->data = RXH_IP_SRC | RXH_IP_DST | RXH_L4_B_0_1 | RXH_L4_B_2_3;
		return 0;
	case IPV4_FLOW:
	case IPV6_FLOW:
		fields->data = RXH_IP_SRC | RXH_IP_DST;
		return 0;
	}
	return -EINVAL;
}

int zcnic_create_rxfh_context(struct net_device *dev, struct ethtool_rxfh_context *ctx,
			      const struct ethtool_rxfh_param *rxfh,
			      struct netlink_ext_ack *extack)
{
	struct zcnic_port *port = netdev_priv(dev);
	const struct zcnic_rss *rss;
	int err;

	err = zcnic_rss_check(rxfh, extack);
	if (err)
		return err;
	err = zcnic_rss_replace(port, rxfh->rss_context, zcnic_rss_get(port, 0), rxfh->indir,
				rxfh->key);
	if (err)
		return err;

	rss = zcnic_rss_get(port, rxfh->rss_context);
	ctx->hfunc = ETH_RSS_HASH_TOP;
	memcpy(ethtool_rxfh_context_indir(ctx), rss->indir, sizeof(rss->indir));
	memcpy(ethtool_rxfh_context_key(ctx), rss->key, sizeof(rss->key));
	return 0;
}

int zcnic_modify_rxfh_context(struct net_device *dev, struct ethtool_rxfh_context *ctx,
			      const struct ethtool_rxfh_param *rxfh,
			      struct netlink_ext_ack *extack)
{
	struct zcnic_port *port = netdev_priv(dev);
	int err;

	err = zcnic_rss_check(rxfh, extack);
	if (err)
		return err;
	return zcnic_rss_replace(port, rxfh->rss_context, zcnic_rss_get(port, rxfh->rss_context),
				 rxfh->indir, rxfh->key);
}

int zcnic_remove_rxfh_context(struct net_device *dev, struct ethtool_rxfh_context *ctx,
			      u32 rss_context, struct netlink_ext_ack *extack)
{
	struct zcnic_port *port = netdev_priv(dev);
	struct zcnic_rss *old = zcnic_rss_get(port, rss_context);

	RCU_INIT_POINTER(port->rss[rss_context], NULL);
	kfree_rcu(old, rcu);
	return 0;
}
