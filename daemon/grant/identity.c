/* SPDX-License-Identifier: MIT */
#include "daemon/grant/identity.h"

#include <errno.h>
#include <stdlib.h>

/* The list cannot change between the two calls, since it is as of the connect. */
static int groups_read(struct policy_identity *who, int sock)
{
	gid_t *groups = NULL;
	socklen_t bytes = 0;
	if (getsockopt(sock, SOL_SOCKET, SO_PEERGROUPS, NULL, &bytes) < 0) {
		if (errno != ERANGE)
			return -errno;
		groups = malloc(bytes);
		if (!groups)
			return -ENOMEM;
		if (getsockopt(sock, SOL_SOCKET, SO_PEERGROUPS, groups, &bytes) < 0) {
			int r = -errno;
			free(groups);
			return r;
		}
	}
	who->groups = groups;
	who->group_count = groups ? (uint32_t)(bytes / sizeof(*groups)) : 0;
	return 0;
}

int identity_read(struct policy_identity *who, pid_t *ret_pid, int sock)
{
	struct ucred cred;
	socklen_t len = sizeof(cred);
	if (getsockopt(sock, SOL_SOCKET, SO_PEERCRED, &cred, &len) < 0)
		return -errno;
	who->uid = cred.uid;
	who->gid = cred.gid;
	*ret_pid = cred.pid;
	return groups_read(who, sock);
}

void identity_done(struct policy_identity *who)
{
	free((gid_t *)(uintptr_t)who->groups);
	who->groups = NULL;
	who->group_count = 0;
}
