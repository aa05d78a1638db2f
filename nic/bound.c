/* SPDX-License-Identifier: MIT */
#include "nic/bound.h"

#include <errno.h>

#include "nic/nic.h"

int nic_facts_bound(const struct nic_facts *facts, const struct nic_queues *queues)
{
	int r = facts->queues_err;

	for (uint32_t i = 0; i < queues->n; i++) {
		uint32_t id = queues->ids[i];
		if (id < facts->n_queues &&
		    (facts->queues[id].io_uring || facts->queues[id].dmabuf))
			r = 1;
	}
	return r == 0 && facts->n_queues == 0 ? -ENETDOWN : r;
}

int nic_queues_bound(uint32_t ifindex, const struct nic_queues *queues)
{
	struct nic_facts facts = {.link.ifindex = ifindex};

	netdev_genl_queues(&facts);
	int r = nic_facts_bound(&facts, queues);
	nic_done(&facts);
	return r;
}
