/* SPDX-License-Identifier: MIT */
/*
 * A NIC that is made up, for tests of leases: it has the loopback interface's name and one hardware
 * queue, number 0, and is always ready. It takes the place of nic/ready.c, nic/restore.c and
 * nic/bound.c.
 */
#ifndef TESTS_MADE_NIC_H
#define TESTS_MADE_NIC_H

#include <stdbool.h>

#define MADE_NIC "lo"

extern _Atomic bool made_nic_bound; /* somebody has its queue registered */
extern int made_nic_restarts; /* eventfd: making it ready takes until this is written; or -1 */

#endif
