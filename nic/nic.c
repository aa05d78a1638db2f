/* SPDX-License-Identifier: MIT */
#include "nic/nic.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "nic/ethtool.h"

/* More than any driver has. A larger id was misread, so no memory is allocated for it. */
#define QUEUES_MAX 16384u

struct queue_facts *nic_queue(struct nic_facts *nic, uint32_t id)
{
	struct queue_facts *queues;

	if (id < nic->n_queues)
		return &nic->queues[id];
	if (id >= QUEUES_MAX)
		return NULL;
	queues = reallocarray(nic->queues, id + 1, sizeof(*queues));
	if (!queues)
		return NULL;
	memset(queues + nic->n_queues, 0, (id + 1 - nic->n_queues) * sizeof(*queues));
	nic->queues = queues;
	nic->n_queues = id + 1;
	return &queues[id];
}

void nic_gather(struct nic_facts *nic, const struct link_facts *link)
{
	*nic = (struct nic_facts){.link = *link};
	ethtool_nl_gather(nic);
	ethtool_ioctl_gather(nic);
	netdev_genl_gather(nic);
	nic_steering_gather(&nic->steering, nic->link.name, nic->link.ifindex);
}

int nic_gather_named(struct nic_facts *nic, const char *name)
{
	struct link_facts link = {0};
	int r = nic_index(name, &link.ifindex);

	if (r < 0)
		return r;
	memcpy(link.name, name, strnlen(name, sizeof(link.name) - 1));
	nic_gather(nic, &link);
	return 0;
}

void nic_done(struct nic_facts *nic)
{
	free(nic->queues);
	nic_steering_done(&nic->steering);
	*nic = (struct nic_facts){0};
}
