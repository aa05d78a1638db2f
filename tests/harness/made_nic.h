/* SPDX-License-Identifier: MIT */
/*
 * A NIC that is made up, for tests of leases: it has the loopback interface's name and one hardware
 * queue, number 0, and is always ready. It takes the place of nic/ready.c and nic/restore.c.
 */
#ifndef TESTS_MADE_NIC_H
#define TESTS_MADE_NIC_H

#define MADE_NIC "lo"

extern int made_nic_restarts; /* eventfd: making it ready takes until this is written; or -1 */

#endif
