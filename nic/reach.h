/* SPDX-License-Identifier: MIT */
/*
 * Where packets go that a NIC of this network namespace received into memory that the kernel cannot
 * read: routing is done by their headers, but of the devices that lead into another namespace only
 * netkit takes them. A veth drops them.
 */
#ifndef ZCRX_NIC_REACH_H
#define ZCRX_NIC_REACH_H

#include <stdint.h>

/*
 * Does this namespace route the address (of the family AF_INET or AF_INET6) through a netkit device
 * into the network namespace? Returns 0, -EXDEV if it does not, or another negative errno.
 */
int nic_reaches(int netns_fd, int family, const uint8_t ip[16]);

#endif
