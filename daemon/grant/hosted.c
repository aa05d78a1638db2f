/* SPDX-License-Identifier: MIT */
#include "daemon/grant/hosted.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <sys/socket.h>

#include "base/fd.h"
#include "proto/addr.h"

static int bind_towards(int sock, const struct msg_addr *remote)
{
	struct sockaddr_storage sa;
	struct msg_addr local = {0};
	socklen_t len = addr_to_sockaddr(remote, &sa);
	/* Connecting a datagram socket sends nothing, and looks the route up. */
	_cleanup_(fd_closep) int route = socket(sa.ss_family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (route < 0 || connect(route, (struct sockaddr *)&sa, len) < 0)
		return -errno;
	addr_of_socket(route, &local, NULL);
	local.port = 0;
	len = addr_to_sockaddr(&local, &sa);
	return bind(sock, (struct sockaddr *)&sa, len) < 0 ? -errno : 0;
}

int hosted_open(const struct msg_flow_host *m, bool towards)
{
	bool listening = m->flags & MSG_FLOW_LISTEN;
	struct sockaddr_storage sa;
	socklen_t len = addr_to_sockaddr(&m->local, &sa);
	int family = addr_family(listening ? &m->local : &m->remote);
	_cleanup_(fd_closep) int sock = socket(family, SOCK_STREAM | SOCK_CLOEXEC, IPPROTO_TCP);
	if (sock < 0)
		return -errno;
	int on = 1;
	if (listening && setsockopt(sock, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) < 0)
		return -errno;
	if (len > 0 && bind(sock, (struct sockaddr *)&sa, len) < 0)
		return -errno;
	if (listening && listen(sock, m->backlog ? (int)m->backlog : SOMAXCONN) < 0)
		return -errno;
	if (towards && !listening && len == 0)
		(void)bind_towards(sock, &m->remote); /* else it is bound when it connects */
	return fd_steal(&sock);
}
