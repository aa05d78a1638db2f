/* SPDX-License-Identifier: MIT */
/*
 * Asks the kernel whose sockets of this network namespace have a port. A rule that takes all
 * packets to a port also takes those of connections that outlived their listener, and of bound
 * sockets that connect later: so this is asked before such a rule is set.
 */
#ifndef ZCRX_NIC_OTHERS_H
#define ZCRX_NIC_OTHERS_H

#include <stdint.h>
#include <sys/types.h>

/*
 * Does somebody other than this user have a TCP socket with the local port, at whatever address?
 * Listeners do not count. Returns 1, 0 or a negative errno.
 */
int nic_port_of_others(uint16_t port, uid_t uid);

#endif
