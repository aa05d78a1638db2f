/* SPDX-License-Identifier: MIT */
#ifndef ZCRXD_PRIVILEGE_H
#define ZCRXD_PRIVILEGE_H

/*
 * Gives CAP_NET_ADMIN and CAP_IPC_LOCK away for good, which only zero copy takes. To be called
 * while there is one thread. Returns 0 or a negative errno.
 */
int privilege_drop(void);

#endif
