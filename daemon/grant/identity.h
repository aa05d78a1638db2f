/* SPDX-License-Identifier: MIT */
/* Who is at the other end of a unix socket: what the kernel knows, as of when it connected. */
#ifndef ZCRXD_IDENTITY_H
#define ZCRXD_IDENTITY_H

#include <sys/socket.h>
#include <sys/types.h>

#include "policy/policy.h"

struct user;

/* All of it from the kernel and from the socket that was connected to. */
struct client_identity {
	pid_t pid;
	uid_t uid;
	gid_t gid;
	struct user *user;
	char socket[POLICY_NAME_BYTES]; /* whose socket: a class's, or "" the shared one */
	char class[POLICY_NAME_BYTES];  /* when it connected */
};

/*
 * SO_PEERCRED and SO_PEERGROUPS. who->socket is left alone; the groups are to be freed with
 * identity_done(). Returns 0 or a negative errno.
 */
int identity_read(struct policy_identity *who, pid_t *ret_pid, int sock);
void identity_done(struct policy_identity *who);

#endif
