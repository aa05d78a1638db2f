/* SPDX-License-Identifier: MIT */
#include "daemon/grant/hosted.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include "base/fd.h"
#include "daemon/grant/files.h"
#include "daemon/grant/socket_facts.h"
#include "proto/addr.h"

struct hosted {
	int sock;
	struct msg_addr local, remote;
};

static int bind_to(int sock, const struct msg_addr *local)
{
	struct sockaddr_storage sa;
	socklen_t len = addr_to_sockaddr(local, &sa);
	return len > 0 && bind(sock, (struct sockaddr *)&sa, len) < 0 ? -errno : 0;
}

/* If that cannot be known, the socket is bound when it connects. */
static void bind_towards(int sock, const struct msg_addr *remote)
{
	struct sockaddr_storage sa;
	struct msg_addr local = {0};
	socklen_t len = addr_to_sockaddr(remote, &sa);
	/* Connecting a datagram socket sends nothing, and looks the route up. */
	_cleanup_(fd_closep) int route = socket(sa.ss_family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (route < 0 || connect(route, (struct sockaddr *)&sa, len) < 0)
		return;
	addr_of_socket(route, &local, NULL);
	local.port = 0;
	(void)bind_to(sock, &local);
}

int hosted_listen(const struct msg_flow_host *m, struct user *u)
{
	int on = 1;
	_cleanup_(fd_closep) int sock =
		socket(addr_family(&m->local), SOCK_STREAM | SOCK_CLOEXEC, IPPROTO_TCP);
	if (sock < 0 || setsockopt(sock, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) < 0)
		return -errno;
	int r = bind_to(sock, &m->local);
	if (r == 0 && u)
		r = files_host(u, sock, true);
	if (r == 0 && listen(sock, m->backlog ? (int)m->backlog : SOMAXCONN) < 0)
		r = -errno;
	return r < 0 ? r : fd_steal(&sock);
}

int hosted_open(struct hosted **ret, const struct msg_flow_host *m, bool towards)
{
	_cleanup_(fd_closep) int sock =
		socket(addr_family(&m->remote), SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK,
		       IPPROTO_TCP);
	if (sock < 0)
		return -errno;
	int r = bind_to(sock, &m->local);
	if (r < 0)
		return r;
	bool is_bound = m->local.family != 0;
	if (towards && !is_bound)
		bind_towards(sock, &m->remote);
	struct hosted *h = calloc(1, sizeof(*h));
	if (!h)
		return -ENOMEM;
	h->sock = fd_steal(&sock);
	h->remote = m->remote;
	if (towards || is_bound)
		addr_of_socket(h->sock, &h->local, NULL);
	*ret = h;
	return 0;
}

const struct msg_addr *hosted_local(const struct hosted *h)
{
	return &h->local;
}

/* Its client's calls are to wait, as those on any socket. */
static int hand_out(struct hosted *h)
{
	int flags = fcntl(h->sock, F_GETFL);
	if (flags < 0 || fcntl(h->sock, F_SETFL, flags & ~O_NONBLOCK) < 0)
		return -errno;
	return fd_steal(&h->sock);
}

int hosted_connect(struct hosted *h)
{
	struct sockaddr_storage to;
	socklen_t len = addr_to_sockaddr(&h->remote, &to);
	/* The kernel answers a second call with what came of the first one. */
	if (connect(h->sock, (struct sockaddr *)&to, len) == 0)
		return hand_out(h);
	return errno == EALREADY || errno == EINTR ? -EINPROGRESS : -errno;
}

int hosted_waits_for(const struct hosted *h, uint32_t *ret_events)
{
	*ret_events = EPOLLOUT;
	return h->sock;
}

int hosted_facts(const struct hosted *h, struct socket_facts *ret)
{
	return socket_facts_ahead(ret, h->sock, &h->remote);
}

struct hosted *hosted_free(struct hosted *h)
{
	if (!h)
		return NULL;
	fd_close(h->sock);
	free(h);
	return NULL;
}
