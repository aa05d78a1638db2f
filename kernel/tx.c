// SPDX-License-Identifier: GPL-2.0-only
/*
 * Transmit: the sender's CPU plays the wire and the receiver's parser and steering.
 *
 * There is no transmit ring. The skb keeps its socket until the receiver has copied it, so TCP's
 * own limits pace a sender; whoever overruns the receive ring loses packets, as on a wire. Payload
 * in a dma-buf (netmem_tx) is fetched through its DMA address in rx.c.
 */
#include <linux/netdevice.h>

#include "zcnic.h"

static bool zcnic_wire_put(struct zcnic_queue *q, struct sk_buff *skb)
{
	bool room;

	spin_lock(&q->wire.lock);
	room = skb_queue_len(&q->wire) < READ_ONCE(q->port->ring_len);
	if (room)
		__skb_queue_tail(&q->wire, skb);
	spin_unlock(&q->wire.lock);
	return room;
}

/* Hands @skb to the port it arrives at. False: nobody is there, the skb is still the caller's. */
static bool zcnic_arrive(struct zcnic_port *port, struct sk_buff *skb)
{
	struct zcnic_cb *cb = ZCNIC_CB(skb);
	struct zcnic_flow flow;
	struct zcnic_queue *q;
	int queue;

	zcnic_parse(skb, &flow);
	queue = zcnic_steer(port, &flow, &cb->hash);
	if (queue == ZCNIC_QUEUE_DROP) {
		atomic64_inc(&port->filtered);
		dev_kfree_skb_any(skb);
		return true;
	}

	q = &port->queues[queue];
	if (!READ_ONCE(q->open))
		return false;

	cb->l4_hash = flow.sport || flow.dport;
	cb->payload_off = flow.payload_off;
	if (cb->payload_off && skb->ip_summed != CHECKSUM_PARTIAL &&
	    !zcnic_tcp_csum_good(skb, &flow))
		cb->payload_off = 0;

	if (!zcnic_wire_put(q, skb)) {
		atomic64_inc(&q->overruns);
		dev_kfree_skb_any(skb);
		return true;
	}
	zcnic_irq(q);
	return true;
}

/* The caller holds the RCU read lock: see zcnic_queues_down(). */
netdev_tx_t zcnic_start_xmit(struct sk_buff *skb, struct net_device *dev)
{
	struct zcnic_port *port = netdev_priv(dev);
	struct zcnic_tx_stats *tx = &port->queues[skb_get_queue_mapping(skb)].tx;
	bool partial = skb->ip_summed == CHECKSUM_PARTIAL;
	bool gso = skb_is_gso(skb);
	unsigned int len = skb->len;

	skb_tx_timestamp(skb);
	if (!zcnic_arrive(port->peer, skb)) {
		u64_stats_update_begin(&tx->syncp);
		u64_stats_inc(&tx->drops);
		u64_stats_update_end(&tx->syncp);
		dev_kfree_skb_any(skb);
		return NETDEV_TX_OK;
	}

	u64_stats_update_begin(&tx->syncp);
	u64_stats_inc(&tx->packets);
	u64_stats_add(&tx->bytes, len);
	u64_stats_inc(partial ? &tx->needs_csum : &tx->csum_none);
	if (gso) {
		u64_stats_inc(&tx->gso_packets);
		u64_stats_add(&tx->gso_bytes, len);
	}
	u64_stats_update_end(&tx->syncp);
	return NETDEV_TX_OK;
}
