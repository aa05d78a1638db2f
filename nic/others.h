/* SPDX-License-Identifier: MIT */
/*
 * Asks the kernel for sockets of this network namespace: whose have a port, and whether one is
 * still there. A rule that takes all
 * packets to a port also takes those of connections that outlived their listener, and of bound
 * sockets that connect later: so this is asked before such a rule is set.
 */
#ifndef ZCRX_NIC_OTHERS_H
#define ZCRX_NIC_OTHERS_H

#include <stdint.h>
#include <sys/types.h>

#include "nic/rule.h"

/*
 * Does somebody other than this user have a TCP socket with the local port, at whatever address?
 * Listeners do not count. Returns 1, 0 or a negative errno.
 */
int nic_port_of_others(uint16_t port, uid_t uid);

/* To ask nic_socket_stands() with. Returns a descriptor or a negative errno. */
int nic_sockets_open(void);

/*
 * Is the rule's socket, of this network namespace, still there, with its owner, and with the
 * addresses that the rule matches? A rule without a remote port is of a listener. Returns 1, 0 or a
 * negative errno.
 */
int nic_socket_stands(int nl, const struct nic_rule *rule);

#endif
