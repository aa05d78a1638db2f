/* SPDX-License-Identifier: MIT */
/* What only the ethtool ioctl says: the driver, and the ntuple rules with the queues they feed. */
#include "ethtool.h"
#include "nic.h"

#include <errno.h>
#include <linux/ethtool.h>
#include <stdlib.h>
#include <string.h>

/* More than any table holds; a larger count is a misreading. */
#define RULES_MAX 65536u

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

static void rule_gather(struct nic_facts *nic, uint32_t location)
{
	struct ethtool_rxnfc nfc = {.cmd = ETHTOOL_GRXCLSRULE, .fs = {.location = location}};
	struct queue_facts *q;

	if (ethtool_call(nic->link.name, &nfc))
		return;
	if (nfc.fs.ring_cookie == RX_CLS_FLOW_DISC || nfc.fs.ring_cookie == RX_CLS_FLOW_WAKE)
		return;
	q = nic_queue(nic, (uint32_t)ethtool_get_flow_spec_ring(nfc.fs.ring_cookie));
	if (q)
		q->rules++;
}

static void rules_gather(struct nic_facts *nic)
{
	struct ethtool_rxnfc count = {.cmd = ETHTOOL_GRXCLSRLCNT}, *all;
	struct ethtool_facts *e = &nic->ethtool;

	e->rules_err = ethtool_call(nic->link.name, &count);
	if (e->rules_err || !count.rule_cnt || count.rule_cnt > RULES_MAX)
		return;
	all = calloc(1, sizeof(*all) + count.rule_cnt * sizeof(all->rule_locs[0]));
	if (!all) {
		e->rules_err = -ENOMEM;
		return;
	}
	all->cmd = ETHTOOL_GRXCLSRLALL;
	all->rule_cnt = count.rule_cnt;
	e->rules_err = ethtool_call(nic->link.name, all);
	if (!e->rules_err) {
		e->rules = all->rule_cnt;
		for (uint32_t i = 0; i < all->rule_cnt && i < count.rule_cnt; i++)
			rule_gather(nic, all->rule_locs[i]);
	}
	free(all);
}

void ethtool_ioctl_gather(struct nic_facts *nic)
{
	driver_gather(nic);
	rules_gather(nic);
}
