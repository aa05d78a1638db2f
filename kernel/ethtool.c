// SPDX-License-Identifier: GPL-2.0-only
/*
 * ethtool: rings with header/data split, channels, link.
 */
#include <linux/rtnetlink.h>
#include <net/netdev_lock.h>

#include "zcnic.h"

static void zcnic_get_drvinfo(struct net_device *dev, struct ethtool_drvinfo *info)
{
	struct zcnic_port *port = netdev_priv(dev);

	strscpy(info->driver, KBUILD_MODNAME, sizeof(info->driver));
	strscpy(info->bus_info, dev_name(port->dma_dev), sizeof(info->bus_info));
}

static u32 zcnic_get_link(struct net_device *dev)
{
	return netif_carrier_ok(dev);
}

static int zcnic_get_link_ksettings(struct net_device *dev, struct ethtool_link_ksettings *cmd)
{
	cmd->base.speed = SPEED_100000;
	cmd->base.duplex = DUPLEX_FULL;
	cmd->base.port = PORT_OTHER;
	cmd->base.autoneg = AUTONEG_DISABLE;
	return 0;
}

static void zcnic_get_ringparam(struct net_device *dev, struct ethtool_ringparam *ring,
				struct kernel_ethtool_ringparam *kring,
				struct netlink_ext_ack *extack)
{
	struct zcnic_port *port = netdev_priv(dev);

	ring->rx_max_pending = ZCNIC_RING_MAX;
	ring->rx_pending = port->ring_len;
	kring->tcp_data_split = port->split ? ETHTOOL_TCP_DATA_SPLIT_ENABLED :
					      ETHTOOL_TCP_DATA_SPLIT_DISABLED;
	kring->hds_thresh = port->hds_thresh;
	kring->hds_thresh_max = ZCNIC_HDS_THRESH_MAX;
}

/*
 * All of it is looked at packet by packet. Pools made before keep their size, and without the
 * split they cannot take a provider; but installing one makes new pools anyway.
 */
static int zcnic_set_ringparam(struct net_device *dev, struct ethtool_ringparam *ring,
			       struct kernel_ethtool_ringparam *kring,
			       struct netlink_ext_ack *extack)
{
	struct zcnic_port *port = netdev_priv(dev);

	if (ring->rx_pending < ZCNIC_RING_MIN) {
		NL_SET_ERR_MSG_FMT_MOD(extack, "the receive ring needs at least %u entries",
				       ZCNIC_RING_MIN);
		return -EINVAL;
	}

	WRITE_ONCE(port->ring_len, ring->rx_pending);
	WRITE_ONCE(port->hds_thresh, kring->hds_thresh);
	/* Unless asked for, off. */
	WRITE_ONCE(port->split, kring->tcp_data_split == ETHTOOL_TCP_DATA_SPLIT_ENABLED);
	return 0;
}

static void zcnic_get_channels(struct net_device *dev, struct ethtool_channels *ch)
{
	ch->max_combined = dev->num_rx_queues;
	ch->combined_count = dev->real_num_rx_queues;
}

/*
 * Queues that stay are not touched. The core has made sure that no provider, no rule and no
 * indirection table of the user's needs one that goes.
 */
static int zcnic_set_channels(struct net_device *dev, struct ethtool_channels *ch)
{
	struct zcnic_port *port = netdev_priv(dev);
	unsigned int old = dev->real_num_rx_queues;
	unsigned int new = ch->combined_count;
	int err;

	if (new > old && netif_running(dev)) {
		err = zcnic_queues_up(port, old, new);
		if (err)
			return err;
	}
	if (!netif_is_rxfh_configured(dev)) {
		err = zcnic_rss_spread(port, min(old, new));
		if (err)
			goto err_queues_down;
	}
	err = netif_set_real_num_queues(dev, new, new);
	if (err)
		goto err_queues_down;
	if (new < old && netif_running(dev))
		zcnic_queues_down(port, new, old);
	if (new > old && !netif_is_rxfh_configured(dev))
		zcnic_rss_spread(port, new);
	return 0;

err_queues_down:
	if (new > old && netif_running(dev))
		zcnic_queues_down(port, old, new);
	return err;
}

static int zcnic_reset(struct net_device *dev, u32 *flags)
{
	int err = netif_running(dev) ? zcnic_queues_reset(netdev_priv(dev)) : 0;

	if (!err)
		*flags = 0;
	return err;
}

static u32 zcnic_get_rx_ring_count(struct net_device *dev)
{
	return dev->real_num_rx_queues;
}

const struct ethtool_ops zcnic_ethtool_ops = {
	.supported_ring_params	= ETHTOOL_RING_USE_TCP_DATA_SPLIT | ETHTOOL_RING_USE_HDS_THRS,
#ifdef ETHTOOL_OP_NEEDS_RTNL_SCHANNELS
	.op_needs_rtnl		= ETHTOOL_OP_NEEDS_RTNL_SCHANNELS,
#endif
	.rxfh_per_ctx_key	= true,
	.rxfh_max_num_contexts	= ZCNIC_RSS_CONTEXTS,
	.get_drvinfo		= zcnic_get_drvinfo,
	.get_link		= zcnic_get_link,
	.get_link_ksettings	= zcnic_get_link_ksettings,
	.get_ringparam		= zcnic_get_ringparam,
	.set_ringparam		= zcnic_set_ringparam,
	.get_channels		= zcnic_get_channels,
	.set_channels		= zcnic_set_channels,
	.reset			= zcnic_reset,
	.get_rx_ring_count	= zcnic_get_rx_ring_count,
	.get_rxnfc		= zcnic_get_rxnfc,
	.set_rxnfc		= zcnic_set_rxnfc,
	.get_rxfh_key_size	= zcnic_get_rxfh_key_size,
	.get_rxfh_indir_size	= zcnic_get_rxfh_indir_size,
	.get_rxfh		= zcnic_get_rxfh,
	.set_rxfh		= zcnic_set_rxfh,
	.get_rxfh_fields	= zcnic_get_rxfh_fields,
	.create_rxfh_context	= zcnic_create_rxfh_context,
	.modify_rxfh_context	= zcnic_modify_rxfh_context,
	.remove_rxfh_context	= zcnic_remove_rxfh_context,
	.get_ts_info		= ethtool_op_get_ts_info,
};
