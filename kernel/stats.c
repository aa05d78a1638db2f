// SPDX-License-Identifier: GPL-2.0-only
/*
 * Statistics: per queue, and their sums.
 *
 * Counters live as long as the port. What queues counted that are out of use now goes to the base
 * statistics, so that the sums never go back.
 */
#include "zcnic.h"

void zcnic_stats_init(struct zcnic_queue *q)
{
	u64_stats_init(&q->rx.syncp);
	u64_stats_init(&q->tx.syncp);
}

static void zcnic_get_queue_stats_rx(struct net_device *dev, int index,
				     struct netdev_queue_stats_rx *stats)
{
	struct zcnic_port *port = netdev_priv(dev);
	const struct zcnic_rx_stats *rx = &port->queues[index].rx;
	unsigned int start;

	do {
		start = u64_stats_fetch_begin(&rx->syncp);
		stats->packets = u64_stats_read(&rx->packets);
		stats->bytes = u64_stats_read(&rx->bytes);
		stats->alloc_fail = u64_stats_read(&rx->alloc_fail);
		stats->hw_drops = u64_stats_read(&rx->drops);
		stats->csum_unnecessary = u64_stats_read(&rx->csum_unnecessary);
		stats->csum_none = u64_stats_read(&rx->csum_none);
	} while (u64_stats_fetch_retry(&rx->syncp, start));

	stats->hw_drop_overruns = atomic64_read(&port->queues[index].overruns) + stats->alloc_fail;
	stats->hw_drops += stats->hw_drop_overruns;
}

static void zcnic_get_queue_stats_tx(struct net_device *dev, int index,
				     struct netdev_queue_stats_tx *stats)
{
	struct zcnic_port *port = netdev_priv(dev);
	const struct zcnic_tx_stats *tx = &port->queues[index].tx;
	unsigned int start;

	do {
		start = u64_stats_fetch_begin(&tx->syncp);
		stats->packets = u64_stats_read(&tx->packets);
		stats->bytes = u64_stats_read(&tx->bytes);
		stats->hw_drops = u64_stats_read(&tx->drops);
		stats->needs_csum = u64_stats_read(&tx->needs_csum);
		stats->csum_none = u64_stats_read(&tx->csum_none);
		stats->hw_gso_packets = u64_stats_read(&tx->gso_packets);
		stats->hw_gso_bytes = u64_stats_read(&tx->gso_bytes);
	} while (u64_stats_fetch_retry(&tx->syncp, start));
}

/* Adds up queues [from, to). */
static void zcnic_sum(struct net_device *dev, unsigned int from, unsigned int to,
		      struct netdev_queue_stats_rx *rx, struct netdev_queue_stats_tx *tx)
{
	struct netdev_queue_stats_rx q_rx;
	struct netdev_queue_stats_tx q_tx;
	unsigned int i;

	rx->packets = 0;
	rx->bytes = 0;
	rx->alloc_fail = 0;
	rx->hw_drops = 0;
	rx->hw_drop_overruns = 0;
	rx->csum_unnecessary = 0;
	rx->csum_none = 0;
	tx->packets = 0;
	tx->bytes = 0;
	tx->hw_drops = 0;
	tx->needs_csum = 0;
	tx->csum_none = 0;
	tx->hw_gso_packets = 0;
	tx->hw_gso_bytes = 0;

	for (i = from; i < to; i++) {
		zcnic_get_queue_stats_rx(dev, i, &q_rx);
		rx->packets += q_rx.packets;
		rx->bytes += q_rx.bytes;
		rx->alloc_fail += q_rx.alloc_fail;
		rx->hw_drops += q_rx.hw_drops;
		rx->hw_drop_overruns += q_rx.hw_drop_overruns;
		rx->csum_unnecessary += q_rx.csum_unnecessary;
		rx->csum_none += q_rx.csum_none;

		zcnic_get_queue_stats_tx(dev, i, &q_tx);
		tx->packets += q_tx.packets;
		tx->bytes += q_tx.bytes;
		tx->hw_drops += q_tx.hw_drops;
		tx->needs_csum += q_tx.needs_csum;
		tx->csum_none += q_tx.csum_none;
		tx->hw_gso_packets += q_tx.hw_gso_packets;
		tx->hw_gso_bytes += q_tx.hw_gso_bytes;
	}
}

static void zcnic_get_base_stats(struct net_device *dev, struct netdev_queue_stats_rx *rx,
				 struct netdev_queue_stats_tx *tx)
{
	struct zcnic_port *port = netdev_priv(dev);

	zcnic_sum(dev, dev->real_num_rx_queues, dev->num_rx_queues, rx, tx);
	rx->hw_drops += atomic64_read(&port->filtered);
}

void zcnic_get_stats64(struct net_device *dev, struct rtnl_link_stats64 *stats)
{
	struct zcnic_port *port = netdev_priv(dev);
	struct netdev_queue_stats_rx rx;
	struct netdev_queue_stats_tx tx;

	zcnic_sum(dev, 0, dev->num_rx_queues, &rx, &tx);
	stats->rx_packets = rx.packets;
	stats->rx_bytes = rx.bytes;
	stats->rx_dropped = rx.hw_drops + atomic64_read(&port->filtered);
	stats->tx_packets = tx.packets;
	stats->tx_bytes = tx.bytes;
	stats->tx_dropped = tx.hw_drops;
}

const struct netdev_stat_ops zcnic_stat_ops = {
	.get_queue_stats_rx	= zcnic_get_queue_stats_rx,
	.get_queue_stats_tx	= zcnic_get_queue_stats_tx,
	.get_base_stats		= zcnic_get_base_stats,
};
