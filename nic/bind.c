/* SPDX-License-Identifier: MIT */
#include "nic/bind.h"

#include <errno.h>
#include <linux/netdev.h>
#include <stdlib.h>

#include "nic/netlink.h"

struct nic_binding {
	struct netlink *nl;
	uint32_t id;
};

static void on_reply(void *arg, struct attrs attrs)
{
	struct nic_binding *b = arg;

	b->id = attrs_u32(attrs, NETDEV_A_DMABUF_ID);
}

static int bind_rx(struct nic_binding *b, uint32_t ifindex, const uint32_t *queues, uint32_t n,
		   int dmabuf)
{
	struct netlink_put puts[2 + 2 * NIC_BIND_QUEUES_MAX] = {
		{.type = NETDEV_A_DMABUF_IFINDEX, .value = ifindex},
		{.type = NETDEV_A_DMABUF_FD, .value = (uint32_t)dmabuf},
	};
	struct netlink_request bind = {.cmd = NETDEV_CMD_BIND_RX,
				       .puts = puts,
				       .n_puts = 2,
				       .reply = on_reply,
				       .arg = b};

	for (uint32_t i = 0; i < n; i++) {
		puts[bind.n_puts++] = (struct netlink_put){.nest = NETDEV_A_DMABUF_QUEUES,
							   .type = NETDEV_A_QUEUE_ID,
							   .value = queues[i]};
		puts[bind.n_puts++] = (struct netlink_put){.nest = NETDEV_A_DMABUF_QUEUES,
							   .type = NETDEV_A_QUEUE_TYPE,
							   .value = NETDEV_QUEUE_TYPE_RX};
	}
	return netlink_ask(b->nl, &bind);
}

int nic_bind(struct nic_binding **ret, uint32_t ifindex, const uint32_t *queues, uint32_t n,
	     int dmabuf)
{
	struct nic_binding *b;
	int r;

	if (n == 0 || n > NIC_BIND_QUEUES_MAX)
		return -EINVAL;
	b = calloc(1, sizeof(*b));
	if (!b)
		return -ENOMEM;
	r = netlink_open(&b->nl, NETDEV_FAMILY_NAME);
	if (r == 0)
		r = bind_rx(b, ifindex, queues, n, dmabuf);
	if (r < 0) {
		nic_unbind(b);
		return r;
	}
	*ret = b;
	return 0;
}

struct nic_binding *nic_unbind(struct nic_binding *b)
{
	if (!b)
		return NULL;
	netlink_close(b->nl);
	free(b);
	return NULL;
}

uint32_t nic_binding_id(const struct nic_binding *b)
{
	return b->id;
}

int nic_binding_fd(const struct nic_binding *b)
{
	return netlink_fd(b->nl);
}
