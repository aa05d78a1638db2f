/* SPDX-License-Identifier: MIT */
/*
 * A dma-buf bound to receive queues for devmem TCP (the kernel's
 * Documentation/networking/devmem.rst). The binding lives as long as its netlink socket,
 * whoever has that. Needs CAP_NET_ADMIN.
 */
#ifndef ZCRX_NIC_BIND_H
#define ZCRX_NIC_BIND_H

#include <stdint.h>

struct nic_binding;

enum {
	NIC_BIND_QUEUES_MAX = 16
};

/*
 * Binds the dma-buf, whose descriptor stays the caller's. Returns 0 or the kernel's negative errno:
 * -EOPNOTSUPP without memory providers, -EINVAL without header split, -EEXIST and -EBUSY if
 * somebody has one of the queues.
 */
int nic_bind(struct nic_binding **ret, uint32_t ifindex, const uint32_t *queues, uint32_t n,
	     int dmabuf);

/* Closes the socket: if nobody else has it, the queues restart with ordinary memory. NULL is fine.
 */
struct nic_binding *nic_unbind(struct nic_binding *b);

/* The kernel's number of the binding, which comes with every fragment. */
uint32_t nic_binding_id(const struct nic_binding *b);

/* The netlink socket, borrowed. */
int nic_binding_fd(const struct nic_binding *b);

#endif
