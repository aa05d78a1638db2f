/* SPDX-License-Identifier: MIT */
/* Ioctls of an interface. This pair of files is the only one that knows how they are called. */
#ifndef ZCRX_NIC_ETHTOOL_H
#define ZCRX_NIC_ETHTOOL_H

#include <stdint.h>

/*
 * Hands one of the kernel's ethtool structures (linux/ethtool.h), its cmd set, to the interface of
 * this network namespace. Returns 0 or a negative errno.
 */
int ethtool_call(const char *nic, void *command);

/*
 * The interface's index. Returns 0, -ENODEV if no interface has the name, or another negative
 * errno: then it is not known, which if_nametoindex() does not tell apart.
 */
int nic_index(const char *nic, uint32_t *ret);

#endif
