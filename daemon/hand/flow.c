/* SPDX-License-Identifier: MIT */
/* Sockets of the daemon's network namespace: a pump in its sandbox can neither make nor connect
 * any. */
#include <errno.h>
#include <sys/socket.h>

#include "daemon/grant/hosted.h"
#include "daemon/hand/work.h"
#include "proto/addr.h"

int work_open(const struct hand_open *o, struct hand_reply *reply)
{
	int sock = o->wish.flags & MSG_FLOW_LISTEN ? hosted_listen(&o->wish)
						   : socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	work_over(reply, sock < 0 ? sock : 0);
	return sock < 0 ? -1 : sock;
}

/* It may take as long as the hand's deadline allows. */
int work_connect(const struct hand_connect *c, struct hand_reply *reply)
{
	struct sockaddr_storage to;
	socklen_t bytes = addr_to_sockaddr(&c->remote, &to);
	work_over(reply,
		  connect(HAND_FIRST_FD, (const struct sockaddr *)&to, bytes) < 0 ? -errno : 0);
	return -1;
}
