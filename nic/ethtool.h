/* SPDX-License-Identifier: MIT */
/* The ioctls of an interface. Only this module makes them. */
#ifndef ZCRX_NIC_ETHTOOL_H
#define ZCRX_NIC_ETHTOOL_H

#include <stdint.h>

/*
 * Makes the ethtool ioctl with one of the kernel's structures (linux/ethtool.h), whose cmd is set,
 * for an interface of this network namespace. Returns 0 or a negative errno.
 */
int ethtool_call(const char *nic, void *command);

/*
 * Finds the index of an interface. Returns 0, -ENODEV if no interface has the name, or another
 * negative errno if that is not known, which if_nametoindex() does not tell apart.
 */
int nic_index(const char *nic, uint32_t *ret);

#endif
