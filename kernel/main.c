// SPDX-License-Identifier: GPL-2.0-only
/*
 * Module, pairs and netdevs.
 *
 * A pair is one platform device, the parent that owns the DMA mappings, with two netdevs. Both ends
 * are registered and unregistered together, so that an end never outlives its peer.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/debugfs.h>
#include <linux/dma-mapping.h>
#include <linux/etherdevice.h>
#include <linux/module.h>
#include <linux/platform_device.h>
#include <linux/rtnetlink.h>
#include <linux/version.h>

#include "zcnic.h"

static unsigned int pairs = 1;
module_param(pairs, uint, 0444);
MODULE_PARM_DESC(pairs, "Pairs of linked netdevs, 1 to 32 (1)");

static unsigned int queues = 4;
module_param(queues, uint, 0444);
MODULE_PARM_DESC(queues, "Queues of each netdev, 1 to 64 (4)");

struct zcnic_pair {
	struct platform_device *pdev;
	struct zcnic_port *ports[2];
};

static struct zcnic_pair *zcnic_pairs;
static struct dentry *zcnic_debugfs;

static int zcnic_open(struct net_device *dev)
{
	struct zcnic_port *port = netdev_priv(dev);
	struct net_device *peer = port->peer->dev;
	int err;

	err = zcnic_queues_up(port, 0, dev->real_num_rx_queues);
	if (err)
		return err;

	/* The rtnl lock keeps the other end from changing meanwhile. */
	if (netif_running(peer)) {
		netif_carrier_on(dev);
		netif_carrier_on(peer);
	}
	return 0;
}

static int zcnic_stop(struct net_device *dev)
{
	struct zcnic_port *port = netdev_priv(dev);

	netif_carrier_off(dev);
	netif_carrier_off(port->peer->dev);
	zcnic_queues_down(port, 0, dev->real_num_rx_queues);
	return 0;
}

static int zcnic_set_features(struct net_device *dev, netdev_features_t features)
{
	if ((dev->features & ~features) & NETIF_F_NTUPLE)
		zcnic_rules_flush(netdev_priv(dev));
	return 0;
}

static const struct net_device_ops zcnic_netdev_ops = {
	.ndo_open		= zcnic_open,
	.ndo_stop		= zcnic_stop,
	.ndo_start_xmit		= zcnic_start_xmit,
	.ndo_get_stats64	= zcnic_get_stats64,
	.ndo_set_features	= zcnic_set_features,
	.ndo_set_mac_address	= eth_mac_addr,
	.ndo_validate_addr	= eth_validate_addr,
};

static void zcnic_setup(struct net_device *dev)
{
	dev->netdev_ops = &zcnic_netdev_ops;
	dev->ethtool_ops = &zcnic_ethtool_ops;
	dev->stat_ops = &zcnic_stat_ops;
	dev->queue_mgmt_ops = &zcnic_queue_mgmt_ops;

	dev->hw_features = NETIF_F_SG | NETIF_F_HW_CSUM | NETIF_F_HIGHDMA | NETIF_F_TSO |
			   NETIF_F_TSO6 | NETIF_F_TSO_ECN | NETIF_F_RXHASH | NETIF_F_NTUPLE;
	/* Payload in a provider's memory cannot be checksummed later: always done here. */
	dev->features = dev->hw_features | NETIF_F_RXCSUM;
	dev->vlan_features = dev->features & ~NETIF_F_NTUPLE;
#if LINUX_VERSION_CODE >= KERNEL_VERSION(7, 2, 0)
	dev->netmem_tx = NETMEM_TX_DMA;
#else
	dev->netmem_tx = true;
#endif
	dev->max_mtu = ETH_MAX_MTU;
	dev->priv_flags |= IFF_LIVE_ADDR_CHANGE | IFF_UNICAST_FLT;
	eth_hw_addr_random(dev);
	netif_carrier_off(dev);
}

static struct zcnic_port *zcnic_port_new(struct zcnic_pair *pair, unsigned int index)
{
	struct zcnic_port *port;
	struct net_device *dev;
	unsigned int i;

	dev = alloc_etherdev_mqs(sizeof(*port), queues, queues);
	if (!dev)
		return NULL;

	zcnic_setup(dev);
	SET_NETDEV_DEV(dev, &pair->pdev->dev);
	dev->dev_port = index % 2;
	snprintf(dev->name, sizeof(dev->name), "zc%u", index);

	port = netdev_priv(dev);
	port->dev = dev;
	port->dma_dev = &pair->pdev->dev;
	port->ring_len = ZCNIC_RING_DEFAULT;
	INIT_LIST_HEAD(&port->rules);

	port->queues = kvcalloc(queues, sizeof(*port->queues), GFP_KERNEL);
	if (!port->queues)
		goto err_free_netdev;
	for (i = 0; i < queues; i++) {
		struct zcnic_queue *q = &port->queues[i];

		q->port = port;
		skb_queue_head_init(&q->wire);
		zcnic_irq_init(q, i);
		zcnic_stats_init(q);
	}

	if (zcnic_rss_init(port))
		goto err_free_queues;
	zcnic_faults_init(port, zcnic_debugfs);
	return port;

err_free_queues:
	kvfree(port->queues);
err_free_netdev:
	free_netdev(dev);
	return NULL;
}

static void zcnic_port_free(struct zcnic_port *port)
{
	zcnic_faults_exit(port);
	zcnic_rules_flush(port);
	zcnic_rss_exit(port);
	kvfree(port->queues);
	free_netdev(port->dev);
}

static int zcnic_pair_register(struct zcnic_pair *pair)
{
	int err;

	rtnl_lock();
	err = register_netdevice(pair->ports[0]->dev);
	if (err)
		goto out;
	err = register_netdevice(pair->ports[1]->dev);
	if (err)
		unregister_netdevice(pair->ports[0]->dev);
out:
	rtnl_unlock();
	return err;
}

static void zcnic_pair_unregister(struct zcnic_pair *pair)
{
	LIST_HEAD(list);

	rtnl_lock();
	unregister_netdevice_queue(pair->ports[0]->dev, &list);
	unregister_netdevice_queue(pair->ports[1]->dev, &list);
	unregister_netdevice_many(&list);
	rtnl_unlock();
}

static void zcnic_pdev_unregister(struct platform_device *pdev)
{
	/*
	 * A dma-buf attachment points to the device it is mapped for without holding a reference,
	 * and lives as long as a user keeps its binding open: longer than this module, if need be.
	 * So the reference taken here is never given back; that costs a struct device.
	 */
	get_device(&pdev->dev);
	platform_device_unregister(pdev);
}

static int zcnic_pair_init(struct zcnic_pair *pair, unsigned int index)
{
	const struct platform_device_info info = {
		.name = KBUILD_MODNAME,
		.id = index,
		.dma_mask = DMA_BIT_MASK(64),
	};
	int err;

	pair->pdev = platform_device_register_full(&info);
	if (IS_ERR(pair->pdev))
		return PTR_ERR(pair->pdev);

	err = -ENOMEM;
	pair->ports[0] = zcnic_port_new(pair, 2 * index);
	if (!pair->ports[0])
		goto err_unregister_pdev;
	pair->ports[1] = zcnic_port_new(pair, 2 * index + 1);
	if (!pair->ports[1])
		goto err_free_port0;
	pair->ports[0]->peer = pair->ports[1];
	pair->ports[1]->peer = pair->ports[0];

	err = zcnic_pair_register(pair);
	if (err)
		goto err_free_port1;
	return 0;

err_free_port1:
	zcnic_port_free(pair->ports[1]);
err_free_port0:
	zcnic_port_free(pair->ports[0]);
err_unregister_pdev:
	platform_device_unregister(pair->pdev);
	return err;
}

static void zcnic_pair_exit(struct zcnic_pair *pair)
{
	zcnic_pair_unregister(pair);
	zcnic_port_free(pair->ports[1]);
	zcnic_port_free(pair->ports[0]);
	zcnic_pdev_unregister(pair->pdev);
}

static int __init zcnic_init(void)
{
	unsigned int i;
	int err;

	BUILD_BUG_ON(sizeof(struct zcnic_cb) > sizeof_field(struct sk_buff, cb));

	if (pairs < 1 || pairs > 32 || queues < 1 || queues > 64) {
		pr_err("pairs must be 1 to 32 and queues 1 to 64\n");
		return -EINVAL;
	}

	zcnic_pairs = kcalloc(pairs, sizeof(*zcnic_pairs), GFP_KERNEL);
	if (!zcnic_pairs)
		return -ENOMEM;
	zcnic_debugfs = debugfs_create_dir(KBUILD_MODNAME, NULL);

	for (i = 0; i < pairs; i++) {
		err = zcnic_pair_init(&zcnic_pairs[i], i);
		if (err) {
			pr_err("cannot make zc%u and zc%u: %pe\n", 2 * i, 2 * i + 1, ERR_PTR(err));
			goto err_exit_pairs;
		}
	}
	return 0;

err_exit_pairs:
	while (i--)
		zcnic_pair_exit(&zcnic_pairs[i]);
	debugfs_remove(zcnic_debugfs);
	kfree(zcnic_pairs);
	return err;
}

static void __exit zcnic_exit(void)
{
	unsigned int i;

	for (i = pairs; i--;)
		zcnic_pair_exit(&zcnic_pairs[i]);
	debugfs_remove(zcnic_debugfs);
	kfree(zcnic_pairs);
}

module_init(zcnic_init);
module_exit(zcnic_exit);
MODULE_LICENSE("GPL");
MODULE_DESCRIPTION("Software NIC that takes page pool memory providers");
