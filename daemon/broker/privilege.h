/* SPDX-License-Identifier: MIT */
#ifndef ZCRXD_PRIVILEGE_H
#define ZCRXD_PRIVILEGE_H

#include <stdbool.h>

/*
 * Gives CAP_NET_ADMIN and CAP_IPC_LOCK away for good: only zero copy needs them. To be called while
 * there is one thread. Returns 0 or a negative errno.
 */
int privilege_drop(void);

/* Has this process CAP_NET_ADMIN? */
bool privilege_is_there(void);

/*
 * Lets programs that this process starts have these two, as far as it has them itself: a hand needs
 * them, and a pump gives them up first thing. To be called while there is one thread.
 */
void privilege_pass_on(void);

#endif
