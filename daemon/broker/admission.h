/* SPDX-License-Identifier: MIT */
/*
 * Who may come in: whoever has a class that has room for one more session, which is charged before
 * anything is made for it. Who connected is known from the kernel, never from the client.
 */
#ifndef ZCRXD_ADMISSION_H
#define ZCRXD_ADMISSION_H

#include "daemon/grant/identity.h"

/*
 * Fills in who connected to the class's socket ("": the shared one), and charges the session.
 * Returns 0, -EACCES without a class, or -EDQUOT; then it is filled in as far as it is known.
 */
int admission_get(int sock, const char *socket, struct client_identity *ret);

/* Of a client that another broker admitted, whatever the limits are now. Returns 0 or -EDQUOT. */
int admission_again(struct client_identity *who);

/* The session is over. */
void admission_over(struct client_identity *who);

/* The reason to be told with an error of admission_get(), or of what came after it. */
uint32_t admission_reason(int error);

#endif
