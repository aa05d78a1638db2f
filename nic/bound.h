/* SPDX-License-Identifier: MIT */
#ifndef ZCRX_NIC_BOUND_H
#define ZCRX_NIC_BOUND_H

#include <stdint.h>

#include "nic/queues.h"

struct nic_facts;

/*
 * Has any of these receive queues a memory provider: is it registered on an io_uring, or bound to a
 * dma-buf? Returns 1, 0, or a negative errno if the kernel does not tell; -ENODEV: there is no such
 * interface; -ENETDOWN: it is down, and the kernel lists no queue of it.
 */
int nic_queues_bound(uint32_t ifindex, const struct nic_queues *queues);

/* The same of what netdev_genl_queues() gathered: one answer of the kernel's tells of all queues.
 */
int nic_facts_bound(const struct nic_facts *facts, const struct nic_queues *queues);

#endif
