/* SPDX-License-Identifier: MIT */
/* Who is at the other end of a unix socket: what the kernel knew when it was connected. */
#ifndef ZCRXD_IDENTITY_H
#define ZCRXD_IDENTITY_H

#include <sys/socket.h>
#include <sys/types.h>

#include "policy/policy.h"

struct user;

/* The kernel and the socket that the client connected to say all of this, never the client. */
struct client_identity {
	pid_t pid;
	uid_t uid;
	gid_t gid;
	struct user *user;
	char socket[POLICY_NAME_BYTES]; /* whose socket: a class's, or "" the shared one */
	char class[POLICY_NAME_BYTES];  /* when it connected */
};

/*
 * Reads SO_PEERCRED and SO_PEERGROUPS, and leaves who->socket alone. identity_done() frees the
 * groups. Returns 0 or a negative errno.
 */
int identity_read(struct policy_identity *who, pid_t *ret_pid, int sock);
void identity_done(struct policy_identity *who);

#endif
