/* SPDX-License-Identifier: MIT */
/*
 * Asks the kernel for sockets of this network namespace: whether others have a port, and whether a
 * rule's socket is still there.
 *
 * A rule for all packets to a port also takes those of connections that outlived their listener,
 * of bound sockets that connect later, and of other listeners: on other devices, or of the same
 * group (SO_REUSEPORT). So nic_port_of_others() is asked before such a rule is set.
 */
#ifndef ZCRX_NIC_OTHERS_H
#define ZCRX_NIC_OTHERS_H

#include <stdint.h>
#include <sys/types.h>

#include "nic/rule.h"

/*
 * Does somebody other than this user have a TCP socket that packets of the rule may be for? The
 * rule is one without a remote port; its family AF_UNSPEC means both, a local address of zeros
 * means all. To what device a socket is bound makes no difference, and rule->socket, the listener
 * that the rule is for, does not count. Returns 1, 0 or a negative errno.
 */
int nic_port_of_others(const struct nic_rule *rule, uid_t uid);

/*
 * Opens a netlink socket for nic_socket_stands(). Returns the descriptor, which is the caller's, or
 * a negative errno.
 */
int nic_sockets_open(void);

/*
 * Is the rule's socket still in this network namespace, with the same owner, and with the addresses
 * that the rule matches? A rule without a remote port is a listener's. Returns 1, 0 or a negative
 * errno.
 */
int nic_socket_stands(int nl, const struct nic_rule *rule);

#endif
