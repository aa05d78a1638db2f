/* SPDX-License-Identifier: MIT */
#include "daemon/grant/socket_facts.h"

#include <errno.h>
#include <linux/sockios.h>
#include <netinet/in.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include "base/fd.h"
#include "proto/addr.h"

#ifndef SO_BINDTOIFINDEX /* older C libraries */
#define SO_BINDTOIFINDEX 62
#endif

static int option(int sock, int level, int name, void *ret, socklen_t bytes)
{
	return getsockopt(sock, level, name, ret, &bytes) < 0 ? -errno : 0;
}

static int check_kind(int sock)
{
	int domain = 0, type = 0, protocol = 0;
	int r = option(sock, SOL_SOCKET, SO_DOMAIN, &domain, sizeof(domain));
	if (r == 0)
		r = option(sock, SOL_SOCKET, SO_TYPE, &type, sizeof(type));
	if (r == 0)
		r = option(sock, SOL_SOCKET, SO_PROTOCOL, &protocol, sizeof(protocol));
	bool is_tcp = (domain == AF_INET || domain == AF_INET6) && type == SOCK_STREAM &&
		      protocol == IPPROTO_TCP;
	return r < 0 ? r : is_tcp ? 0 : -EPROTONOSUPPORT;
}

static int identify(struct socket_facts *f, int sock)
{
	struct stat st = {0};
	int ifindex = 0;
	int r = option(sock, SOL_SOCKET, SO_COOKIE, &f->socket.cookie, sizeof(f->socket.cookie));
	if (r == 0)
		r = option(sock, SOL_SOCKET, SO_BINDTOIFINDEX, &ifindex, sizeof(ifindex));
	if (r == 0 && fd_stat(sock, &st) < 0)
		r = -errno;
	if (r < 0)
		return r;
	f->socket.uid = st.st_uid;
	f->socket.ifindex = (uint32_t)ifindex;
	return 0;
}

static int find_namespace(struct socket_facts *f, int sock)
{
	uint64_t its = 0, ours = 0;
	_cleanup_(fd_closep) int own = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	int r = own < 0 ? -errno : option(own, SOL_SOCKET, SO_NETNS_COOKIE, &ours, sizeof(ours));
	if (r == 0)
		r = option(sock, SOL_SOCKET, SO_NETNS_COOKIE, &its, sizeof(its));
	f->is_foreign = its != ours;
	return r;
}

/* What does not depend on its state. */
static int gather(struct socket_facts *f, int sock)
{
	int v6only = 0;
	*f = (struct socket_facts){0};
	int r = check_kind(sock);
	if (r == 0)
		r = identify(f, sock);
	if (r == 0)
		r = find_namespace(f, sock);
	f->v6only = r == 0 &&
		    option(sock, IPPROTO_IPV6, IPV6_V6ONLY, &v6only, sizeof(v6only)) == 0 && v6only;
	return r;
}

int socket_facts(struct socket_facts *ret, int sock)
{
	int listens = 0, r = gather(ret, sock);
	if (r == 0)
		r = option(sock, SOL_SOCKET, SO_ACCEPTCONN, &listens, sizeof(listens));
	if (r < 0)
		return r;
	ret->listener = listens;
	addr_of_socket(sock, &ret->local, &ret->remote);
	return ret->local.family && (listens || ret->remote.family) ? 0 : -ENOTCONN;
}

int socket_facts_ahead(struct socket_facts *ret, int sock, const struct msg_addr *remote)
{
	int r = gather(ret, sock);
	if (r == 0)
		addr_of_socket(sock, &ret->local, NULL);
	ret->remote = *remote;
	return r < 0 ? r : ret->local.family ? 0 : -ENOTCONN;
}

int socket_namespace(int sock)
{
	int fd = ioctl(sock, SIOCGSKNS);
	return fd < 0 ? -errno : fd;
}
