/* SPDX-License-Identifier: MIT */
/* What only the ethtool ioctl says: the driver, and the ntuple rules with the queues they feed. */
#include "change.h"
#include "ethtool.h"
#include "nic.h"

#include <linux/ethtool.h>
#include <stdlib.h>
#include <string.h>

static void driver_gather(struct nic_facts *nic)
{
	struct ethtool_drvinfo info = {.cmd = ETHTOOL_GDRVINFO};
	struct ethtool_facts *e = &nic->ethtool;

	e->driver_err = ethtool_call(nic->link.name, &info);
	if (e->driver_err)
		return;
	memcpy(e->driver, info.driver, sizeof(e->driver));
	e->driver[sizeof(e->driver) - 1] = '\0';
}

static void rules_gather(struct nic_facts *nic)
{
	struct nic_rule_at *rules;
	struct queue_facts *q;

	nic->ethtool.rules_err = nic_rules_get(nic->link.name, &rules, &nic->ethtool.rules);
	if (nic->ethtool.rules_err)
		return;
	for (uint32_t i = 0; i < nic->ethtool.rules; i++) {
		q = nic_queue(nic, rules[i].queue);
		if (q)
			q->rules++;
	}
	free(rules);
}

void ethtool_ioctl_gather(struct nic_facts *nic)
{
	driver_gather(nic);
	rules_gather(nic);
}
