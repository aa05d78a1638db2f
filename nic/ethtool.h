/* SPDX-License-Identifier: MIT */
/* The ethtool ioctl. This pair of files is the only one that knows how it is called. */
#ifndef ZCRX_NIC_ETHTOOL_H
#define ZCRX_NIC_ETHTOOL_H

/*
 * Hands one of the kernel's ethtool structures (linux/ethtool.h), its cmd set, to the interface of
 * this network namespace. Returns 0 or a negative errno.
 */
int ethtool_call(const char *nic, void *command);

#endif
