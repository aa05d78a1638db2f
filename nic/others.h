/* SPDX-License-Identifier: MIT */
/*
 * Connections outlive the listener they came by, and bound sockets may connect: a rule that takes
 * all packets to a port takes theirs as well. So before there is one, the kernel is asked whose
 * sockets of this network namespace have that port.
 */
#ifndef ZCRX_NIC_OTHERS_H
#define ZCRX_NIC_OTHERS_H

#include <stdint.h>
#include <sys/types.h>

/*
 * Has a TCP socket that is no listener the local port, whatever its address, without being this
 * user's? Returns 1, 0 or a negative errno.
 */
int nic_port_of_others(uint16_t port, uid_t uid);

#endif
