/* SPDX-License-Identifier: MIT */
/*
 * Gathers from the netdev family: who holds the receive queues, which page pools of earlier
 * bindings still wait for buffers, and whether the driver takes memory providers. The last is found
 * out by a bind-rx with a dma-buf that does not exist: the kernel looks at the driver first, and
 * fails before it changes anything. That needs CAP_NET_ADMIN; else the kernel says EPERM.
 */
#include "nic/netlink.h"
#include "nic/nic.h"

#include <errno.h>
#include <linux/netdev.h>

static void on_dev(void *arg, struct attrs attrs)
{
	struct nic_facts *nic = arg;

	nic->xdp_features = attrs_u64(attrs, NETDEV_A_DEV_XDP_FEATURES);
}

static void on_queue(void *arg, struct attrs attrs)
{
	struct nic_facts *nic = arg;
	struct attrs p, lease, queue;
	struct queue_facts *q;

	if (attrs_u32(attrs, NETDEV_A_QUEUE_IFINDEX) != nic->link.ifindex ||
	    attrs_u32(attrs, NETDEV_A_QUEUE_TYPE) != NETDEV_QUEUE_TYPE_RX)
		return;
	q = nic_queue(nic, attrs_u32(attrs, NETDEV_A_QUEUE_ID));
	if (!q)
		return;
	q->listed = true;
	q->io_uring = attrs_find(attrs, NETDEV_A_QUEUE_IO_URING, &p);
	q->xsk = attrs_find(attrs, NETDEV_A_QUEUE_XSK, &p);
	q->dmabuf = attrs_find(attrs, NETDEV_A_QUEUE_DMABUF, &p);
	q->dmabuf_id = attrs_u32(attrs, NETDEV_A_QUEUE_DMABUF);
	q->leased = attrs_find(attrs, NETDEV_A_QUEUE_LEASE, &lease);
	if (q->leased) {
		q->lease_ifindex = attrs_u32(lease, NETDEV_A_LEASE_IFINDEX);
		q->lease_elsewhere = attrs_find(lease, NETDEV_A_LEASE_NETNS_ID, &p);
		attrs_find(lease, NETDEV_A_LEASE_QUEUE, &queue);
		q->lease_queue = attrs_u32(queue, NETDEV_A_QUEUE_ID);
	}
}

static void on_page_pool(void *arg, struct attrs attrs)
{
	struct nic_facts *nic = arg;
	struct attrs p;

	if (attrs_u32(attrs, NETDEV_A_PAGE_POOL_IFINDEX) != nic->link.ifindex ||
	    !attrs_find(attrs, NETDEV_A_PAGE_POOL_DETACH_TIME, &p) ||
	    !attrs_u32(attrs, NETDEV_A_PAGE_POOL_INFLIGHT))
		return;
	nic->dead_pools++;
	nic->dead_pools_bytes += attrs_u64(attrs, NETDEV_A_PAGE_POOL_INFLIGHT_MEM);
}

/* Makes the bind-rx and returns its errno: EBADF means that the driver takes memory providers. */
static int provider_probe(struct netlink *nl, const struct nic_facts *nic)
{
	const struct netlink_put puts[] = {
		{0, NETDEV_A_DMABUF_IFINDEX, nic->link.ifindex, 0},
		{0, NETDEV_A_DMABUF_FD, UINT32_MAX, 0},
		{NETDEV_A_DMABUF_QUEUES, NETDEV_A_QUEUE_ID, 0, 0},
		{NETDEV_A_DMABUF_QUEUES, NETDEV_A_QUEUE_TYPE, NETDEV_QUEUE_TYPE_RX, 0},
	};
	const struct netlink_request bind = {.cmd = NETDEV_CMD_BIND_RX, .puts = puts, .n_puts = 4};

	return netlink_ask(nl, &bind);
}

static int queues_get(struct netlink *nl, struct nic_facts *nic)
{
	const struct netlink_put queue = {0, NETDEV_A_QUEUE_IFINDEX, nic->link.ifindex, 0};
	const struct netlink_request queue_get = {.cmd = NETDEV_CMD_QUEUE_GET,
						  .dump = true,
						  .puts = &queue,
						  .n_puts = 1,
						  .reply = on_queue,
						  .arg = nic};

	return netlink_ask(nl, &queue_get);
}

void netdev_genl_queues(struct nic_facts *nic)
{
	struct netlink *nl = NULL;
	int r = netlink_open(&nl, NETDEV_FAMILY_NAME);

	nic->queues_err = r ? r : queues_get(nl, nic);
	netlink_close(nl);
}

void netdev_genl_gather(struct nic_facts *nic)
{
	const struct netlink_put dev = {0, NETDEV_A_DEV_IFINDEX, nic->link.ifindex, 0};
	const struct netlink_request dev_get = {.cmd = NETDEV_CMD_DEV_GET,
						.puts = &dev,
						.n_puts = 1,
						.reply = on_dev,
						.arg = nic};
	const struct netlink_request pool_get = {.cmd = NETDEV_CMD_PAGE_POOL_GET,
						 .dump = true,
						 .reply = on_page_pool,
						 .arg = nic};
	struct netlink *nl = NULL;
	int r;

	r = netlink_open(&nl, NETDEV_FAMILY_NAME);
	if (r == 0)
		(void)netlink_ask(nl, &dev_get); /* old kernels do not know it */
	nic->queues_err = r ? r : queues_get(nl, nic);
	nic->pools_err = r ? r : netlink_ask(nl, &pool_get);
	nic->probe_err = r ? r : provider_probe(nl, nic);
	netlink_close(nl);
}
