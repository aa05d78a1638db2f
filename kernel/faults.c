// SPDX-License-Identifier: GPL-2.0-only
/*
 * Faults to order, in debugfs, zcnic/NAME/ for each port (NAME as at creation). All are off by
 * default and may be changed at any time.
 */
#include <linux/debugfs.h>

#include "zcnic.h"

void zcnic_faults_init(struct zcnic_port *port, struct dentry *root)
{
	struct zcnic_faults *faults = &port->faults;

	faults->dir = debugfs_create_dir(port->dev->name, root);
	debugfs_create_u32("drop_every", 0600, faults->dir, &faults->drop_every);
	debugfs_create_u32("unsplit_every", 0600, faults->dir, &faults->unsplit_every);
	debugfs_create_u32("alloc_fail_every", 0600, faults->dir, &faults->alloc_fail_every);
	debugfs_create_u32("linear_payload", 0600, faults->dir, &faults->linear_payload);
	debugfs_create_bool("no_dma", 0600, faults->dir, &faults->no_dma);
	debugfs_create_bool("plain_locations", 0600, faults->dir, &faults->plain_locations);
}

void zcnic_faults_exit(struct zcnic_port *port)
{
	debugfs_remove(port->faults.dir);
}

/**
 * zcnic_fault_hits() - is this the Nth packet?
 * @count: counter of the queue, NAPI's own
 * @every: N, 0 for never
 *
 * Return: true on every Nth call.
 */
bool zcnic_fault_hits(u32 *count, const u32 *every)
{
	u32 n = READ_ONCE(*every);

	return n && ++*count % n == 0;
}
