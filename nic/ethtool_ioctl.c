/* SPDX-License-Identifier: MIT */
/* What only the ethtool ioctl says: the driver, and the ntuple rules with the queues they feed. */
#include "nic.h"

#include <errno.h>
#include <linux/ethtool.h>
#include <linux/sockios.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

/* More than any table holds; a larger count is a misreading. */
#define RULES_MAX 65536u

static int ask(int sock, const char *nic, void *data)
{
	struct ifreq ifr = {.ifr_data = data};

	memcpy(ifr.ifr_name, nic, sizeof(ifr.ifr_name));
	return ioctl(sock, SIOCETHTOOL, &ifr) < 0 ? -errno : 0;
}

static void driver_gather(struct nic_facts *nic, int sock)
{
	struct ethtool_drvinfo info = {.cmd = ETHTOOL_GDRVINFO};
	struct ethtool_facts *e = &nic->ethtool;

	e->driver_err = ask(sock, nic->link.name, &info);
	if (e->driver_err)
		return;
	memcpy(e->driver, info.driver, sizeof(e->driver));
	e->driver[sizeof(e->driver) - 1] = '\0';
}

static void rule_gather(struct nic_facts *nic, int sock, uint32_t location)
{
	struct ethtool_rxnfc nfc = {.cmd = ETHTOOL_GRXCLSRULE, .fs = {.location = location}};
	struct queue_facts *q;

	if (ask(sock, nic->link.name, &nfc))
		return;
	if (nfc.fs.ring_cookie == RX_CLS_FLOW_DISC || nfc.fs.ring_cookie == RX_CLS_FLOW_WAKE)
		return;
	q = nic_queue(nic, (uint32_t)ethtool_get_flow_spec_ring(nfc.fs.ring_cookie));
	if (q)
		q->rules++;
}

static void rules_gather(struct nic_facts *nic, int sock)
{
	struct ethtool_rxnfc count = {.cmd = ETHTOOL_GRXCLSRLCNT}, *all;
	struct ethtool_facts *e = &nic->ethtool;

	e->rules_err = ask(sock, nic->link.name, &count);
	if (e->rules_err || !count.rule_cnt || count.rule_cnt > RULES_MAX)
		return;
	all = calloc(1, sizeof(*all) + count.rule_cnt * sizeof(all->rule_locs[0]));
	if (!all) {
		e->rules_err = -ENOMEM;
		return;
	}
	all->cmd = ETHTOOL_GRXCLSRLALL;
	all->rule_cnt = count.rule_cnt;
	e->rules_err = ask(sock, nic->link.name, all);
	if (!e->rules_err) {
		e->rules = all->rule_cnt;
		for (uint32_t i = 0; i < all->rule_cnt && i < count.rule_cnt; i++)
			rule_gather(nic, sock, all->rule_locs[i]);
	}
	free(all);
}

void ethtool_ioctl_gather(struct nic_facts *nic)
{
	int sock = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	if (sock < 0) {
		nic->ethtool.driver_err = -errno;
		nic->ethtool.rules_err = nic->ethtool.driver_err;
		return;
	}
	driver_gather(nic, sock);
	rules_gather(nic, sock);
	close(sock);
}
