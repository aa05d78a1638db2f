/* SPDX-License-Identifier: MIT */
/*
 * Who may connect: whoever is of a class that has room for one more session. The session is charged
 * before anything is made for the client. The kernel says who connected; what a client says of
 * itself does not count.
 */
#ifndef ZCRXD_ADMISSION_H
#define ZCRXD_ADMISSION_H

#include "daemon/grant/identity.h"
#include "policy/limits.h"

/*
 * Fills *ret in with who connected at the listening socket of that class ("": the shared one), and
 * charges one session. Returns 0, -EPERM if it is of the pumps' own user, -EACCES if the client is
 * of no class, or -EDQUOT with the sentence in `why`; with an error *ret has what is known of the
 * client.
 */
int admission_get(int sock, const char *socket, struct client_identity *ret,
		  char why[LIMITS_SAID_BYTES]);

/*
 * Charges the session of a client that a broker before this one admitted, even beyond the limits
 * that hold now. Returns 0 or a negative errno.
 */
int admission_again(struct client_identity *who);

/* The client has gone: its session is not charged any more. */
void admission_over(struct client_identity *who);

/* The reason (proto/reason.h) that a client is told if admission_get(), or starting its pump,
 * returned error. */
uint32_t admission_reason(int error);

#endif
