// SPDX-License-Identifier: GPL-2.0-only
/*
 * Receive queues: pools, NAPI, and the queue management ops that restart one queue alone.
 *
 * The core installs a memory provider by making pools with it beside the running ones and swapping
 * them in. NAPI and the packets on the wire stay; only while the pools change hands is NAPI off.
 */
#include <linux/dma-mapping.h>
#include <net/netdev_lock.h>
#include <net/page_pool/helpers.h>

#include "zcnic.h"

static void zcnic_pools_destroy(struct zcnic_pools *pools)
{
	page_pool_destroy(pools->data);
	page_pool_destroy(pools->head);
	memset(pools, 0, sizeof(*pools));
}

static int zcnic_pools_create(struct zcnic_port *port, const struct netdev_queue_config *qcfg,
			      unsigned int index, struct zcnic_pools *pools)
{
	struct page_pool_params params = {
		.pool_size = port->ring_len,
		.nid = NUMA_NO_NODE,
		.dev = port->dma_dev,
		.netdev = port->dev,
		.queue_idx = index,
		.flags = PP_FLAG_DMA_MAP | PP_FLAG_DMA_SYNC_DEV,
		.dma_dir = DMA_FROM_DEVICE,
		.max_len = PAGE_SIZE,
	};
	struct page_pool *head, *data;

	head = page_pool_create(&params);
	if (IS_ERR(head))
		return PTR_ERR(head);

	params.order = get_order(qcfg->rx_page_size);
	params.max_len = PAGE_SIZE << params.order;
	/* A provider may only come where no payload would be left outside its memory. */
	if (port->split)
		params.flags |= PP_FLAG_ALLOW_UNREADABLE_NETMEM;
	data = page_pool_create(&params);
	if (IS_ERR(data)) {
		page_pool_destroy(head);
		return PTR_ERR(data);
	}

	pools->head = head;
	pools->data = data;
	return 0;
}

/* Pools belong to a NAPI only while it uses them: it may then recycle without locks. */
static void zcnic_pools_attach(struct zcnic_queue *q)
{
	page_pool_enable_direct_recycling(q->pools.head, &q->napi);
	page_pool_enable_direct_recycling(q->pools.data, &q->napi);
}

static void zcnic_pools_detach(struct zcnic_queue *q)
{
	page_pool_disable_direct_recycling(q->pools.head);
	page_pool_disable_direct_recycling(q->pools.data);
}

static int zcnic_queue_up(struct zcnic_port *port, unsigned int index)
{
	struct zcnic_queue *q = &port->queues[index];
	struct netdev_queue_config qcfg;
	int err;

	netdev_queue_config(port->dev, index, &qcfg);
	err = zcnic_pools_create(port, &qcfg, index, &q->pools);
	if (err)
		return err;

	netif_napi_add_config_locked(port->dev, &q->napi, zcnic_poll, index);
	netif_queue_set_napi(port->dev, index, NETDEV_QUEUE_TYPE_RX, &q->napi);
	netif_queue_set_napi(port->dev, index, NETDEV_QUEUE_TYPE_TX, &q->napi);
	zcnic_pools_attach(q);
	napi_enable_locked(&q->napi);
	WRITE_ONCE(q->open, true);
	return 0;
}

/**
 * zcnic_queues_down() - take queues out of use
 * @port: the port, its instance lock held
 * @from: first queue
 * @to: one past the last
 */
void zcnic_queues_down(struct zcnic_port *port, unsigned int from, unsigned int to)
{
	struct zcnic_queue *q;
	unsigned int i;

	for (i = from; i < to; i++)
		WRITE_ONCE(port->queues[i].open, false);
	/* From here on no sender puts anything on the wire. */
	synchronize_net();

	for (i = from; i < to; i++) {
		q = &port->queues[i];
		napi_disable_locked(&q->napi);
		zcnic_pools_detach(q);
		netif_queue_set_napi(port->dev, i, NETDEV_QUEUE_TYPE_RX, NULL);
		netif_queue_set_napi(port->dev, i, NETDEV_QUEUE_TYPE_TX, NULL);
		netif_napi_del_locked(&q->napi);
		zcnic_pools_destroy(&q->pools);
		skb_queue_purge(&q->wire);
	}
}

/**
 * zcnic_queues_up() - bring queues into use
 * @port: the port, its instance lock held
 * @from: first queue
 * @to: one past the last
 *
 * Return: 0, or a negative errno with all of them down.
 */
int zcnic_queues_up(struct zcnic_port *port, unsigned int from, unsigned int to)
{
	unsigned int i;
	int err;

	for (i = from; i < to; i++) {
		err = zcnic_queue_up(port, i);
		if (err) {
			zcnic_queues_down(port, from, i);
			return err;
		}
	}
	return 0;
}

static int zcnic_queue_mem_alloc(struct net_device *dev, struct netdev_queue_config *qcfg,
				 void *mem, int index)
{
	return zcnic_pools_create(netdev_priv(dev), qcfg, index, mem);
}

static void zcnic_queue_mem_free(struct net_device *dev, void *mem)
{
	zcnic_pools_destroy(mem);
}

static int zcnic_queue_stop(struct net_device *dev, void *mem, int index)
{
	struct zcnic_port *port = netdev_priv(dev);
	struct zcnic_queue *q = &port->queues[index];
	struct zcnic_pools *old = mem;

	napi_disable_locked(&q->napi);
	zcnic_pools_detach(q);
	*old = q->pools;
	memset(&q->pools, 0, sizeof(q->pools));
	return 0;
}

static int zcnic_queue_start(struct net_device *dev, struct netdev_queue_config *qcfg,
			     void *mem, int index)
{
	struct zcnic_port *port = netdev_priv(dev);
	struct zcnic_queue *q = &port->queues[index];
	struct zcnic_pools *new = mem;

	q->pools = *new;
	zcnic_pools_attach(q);
	napi_enable_locked(&q->napi);

	/* Nobody could schedule NAPI while it was off: take what arrived meanwhile. */
	local_bh_disable();
	zcnic_irq(q);
	local_bh_enable();
	return 0;
}

/**
 * zcnic_queues_reset() - give all queues new pools, as hardware that forgot its rings needs them
 * @port: the port, up, its instance lock held
 *
 * Return: 0, or a negative errno with every queue in use, some with the pools they had.
 */
int zcnic_queues_reset(struct zcnic_port *port)
{
	struct net_device *dev = port->dev;
	struct netdev_queue_config qcfg;
	struct zcnic_pools old, new;
	unsigned int i;
	int err;

	for (i = 0; i < dev->real_num_rx_queues; i++) {
		netdev_queue_config(dev, i, &qcfg);
		err = zcnic_pools_create(port, &qcfg, i, &new);
		if (err)
			return err;
		zcnic_queue_stop(dev, &old, i);
		zcnic_queue_start(dev, &qcfg, &new, i);
		zcnic_pools_destroy(&old);
	}
	return 0;
}

static void zcnic_default_qcfg(struct net_device *dev, struct netdev_queue_config *qcfg)
{
	qcfg->rx_page_size = PAGE_SIZE;
}

static int zcnic_validate_qcfg(struct net_device *dev, struct netdev_queue_config *qcfg,
			       struct netlink_ext_ack *extack)
{
	if (!is_power_of_2(qcfg->rx_page_size) || qcfg->rx_page_size < PAGE_SIZE ||
	    qcfg->rx_page_size > ZCNIC_CHUNK_MAX) {
		NL_SET_ERR_MSG_FMT_MOD(extack,
				       "rx page size %u is not a power of two from %lu to %u",
				       qcfg->rx_page_size, PAGE_SIZE, ZCNIC_CHUNK_MAX);
		return -EINVAL;
	}
	return 0;
}

const struct netdev_queue_mgmt_ops zcnic_queue_mgmt_ops = {
	.ndo_queue_mem_size	= sizeof(struct zcnic_pools),
	.ndo_queue_mem_alloc	= zcnic_queue_mem_alloc,
	.ndo_queue_mem_free	= zcnic_queue_mem_free,
	.ndo_queue_start	= zcnic_queue_start,
	.ndo_queue_stop		= zcnic_queue_stop,
	.ndo_default_qcfg	= zcnic_default_qcfg,
	.ndo_validate_qcfg	= zcnic_validate_qcfg,
	.supported_params	= QCFG_RX_PAGE_SIZE,
};
