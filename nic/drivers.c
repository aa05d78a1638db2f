/* SPDX-License-Identifier: MIT */
/*
 * The table of drivers. Where the kernel can be asked (netdev_genl.c), its answer counts and not
 * this table.
 */
#include "nic/drivers.h"

#include <stddef.h>
#include <string.h>

static const struct driver drivers[] = {
	{.name = "bnxt_en",
	 .provider = true,
	 .large = "up to 32 KiB",
	 .disturbance = "turning header split on reopens the NIC once; a lease restarts its queue",
	 .remark = "the firmware must allow it: an old one refuses the lease"},
	{.name = "mlx5_core",
	 .provider = true,
	 .split_needs_gro_hw = true,
	 .large = "yes",
	 .disturbance = "a lease restarts all channels"},
	{.name = "fbnic", .provider = true, .disturbance = "a lease restarts its queue"},
	{.name = "gve",
	 .provider = true,
	 .disturbance = "a lease restarts the whole device",
	 .remark = "queue 0 cannot be leased: it cannot stop"},
	{.name = "zcnic",
	 .provider = true,
	 .large = "yes",
	 .disturbance = "none: it is software",
	 .remark = "software NIC for tests: its zero copy is a copy"},
	{.name = "bnge"},
	{.name = "ice"},
	{.name = "idpf"},
	{.name = "virtio_net"},
	{.name = "netdevsim"},
};

const struct driver *driver_find(const char *name)
{
	for (size_t i = 0; i < sizeof(drivers) / sizeof(drivers[0]); i++)
		if (!strcmp(drivers[i].name, name))
			return &drivers[i];
	return NULL;
}
