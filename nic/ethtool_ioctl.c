/* SPDX-License-Identifier: MIT */
/* Gathers the name of the driver, which only the ethtool ioctl tells. */
#include "nic/ethtool.h"
#include "nic/nic.h"

#include <linux/ethtool.h>
#include <string.h>

void ethtool_ioctl_gather(struct nic_facts *nic)
{
	struct ethtool_drvinfo info = {.cmd = ETHTOOL_GDRVINFO};
	struct ethtool_facts *e = &nic->ethtool;

	e->driver_err = ethtool_call(nic->link.name, &info);
	if (e->driver_err)
		return;
	memcpy(e->driver, info.driver, sizeof(e->driver));
	e->driver[sizeof(e->driver) - 1] = '\0';
}
