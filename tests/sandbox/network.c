/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "tests/sandbox/attack.h"

static struct sockaddr_storage to_tcp4, to_tcp6, to_udp, any4, any6, path, datagram_path, abstract;
static char letter = 'x';
static struct iovec byte = {.iov_base = &letter, .iov_len = 1};
static struct msghdr to_path_message, to_udp_message, to_tcp_message;
static int on = 1, pair[2];

static struct msghdr message(struct sockaddr_storage *to, socklen_t bytes)
{
	return (struct msghdr){.msg_name = to,
			       .msg_namelen = bytes,
			       .msg_iov = &byte,
			       .msg_iovlen = 1};
}

static void addresses(const struct world *w)
{
	to_tcp4 = w->tcp4;
	to_tcp6 = w->tcp6;
	to_udp = w->udp;
	any4 = w->any4;
	any6 = w->any6;
	path = w->path;
	datagram_path = w->datagram_path;
	abstract = w->abstract;
	to_path_message = message(&datagram_path, w->datagram_path_bytes);
	to_udp_message = message(&to_udp, sizeof(struct sockaddr_in));
	to_tcp_message = message(&to_tcp4, sizeof(struct sockaddr_in));
}

/* TCP's longest address: what a pump may disconnect with. */
static int connect_long(const struct world *w, struct stage *s)
{
	(void)s;
	return connect(FD_TCP4, (const struct sockaddr *)&w->tcp4, sizeof(w->tcp4)) < 0 ? -errno
											: 0;
}

static int unix_long(const struct world *w, struct stage *s)
{
	(void)s;
	return connect(FD_UNIX, (const struct sockaddr *)&w->path, sizeof(w->path)) < 0 ? -errno
											: 0;
}

static void sockets(struct attacks *all)
{
	CALL(all, LANDLOCK_NOT, "socket, TCP", SYS_socket, AF_INET, SOCK_STREAM, 0);
	CALL(all, LANDLOCK_NOT, "socket, UDP", SYS_socket, AF_INET, SOCK_DGRAM, 0);
	CALL(all, LANDLOCK_NOT, "socket, MPTCP", SYS_socket, AF_INET, SOCK_STREAM, IPPROTO_MPTCP);
	CALL(all, LANDLOCK_NOT, "socket, netlink", SYS_socket, AF_NETLINK, SOCK_RAW, 0);
	CALL(all, LANDLOCK_NOT, "socket, unix", SYS_socket, AF_UNIX, SOCK_STREAM, 0);
	CALL(all, LANDLOCK_NOT, "socket, packet", SYS_socket, AF_PACKET, SOCK_RAW, 0)->kernel =
		true;
	CALL(all, LANDLOCK_NOT, "socketpair, datagrams", SYS_socketpair, AF_UNIX, SOCK_DGRAM, 0,
	     (long)pair);
}

void attacks_on_network(struct attacks *all, const struct world *w)
{
	long in4 = sizeof(struct sockaddr_in), in6 = sizeof(struct sockaddr_in6);
	addresses(w);
	sockets(all);
	CALL(all, 4, "connect, TCP", SYS_connect, FD_TCP4, (long)&to_tcp4, in4);
	CALL(all, 4, "connect, TCP on IPv6", SYS_connect, FD_TCP6, (long)&to_tcp6, in6);
	CALL(all, LANDLOCK_NOT, "connect, MPTCP", SYS_connect, FD_MPTCP, (long)&to_tcp4, in4);
	CALL(all, 10, "connect, UDP", SYS_connect, FD_UDP, (long)&to_udp, in4);
	CALL(all, 9, "connect, unix path", SYS_connect, FD_UNIX, (long)&path, w->path_bytes);
	CALL(all, 6, "connect, unix abstract", SYS_connect, FD_UNIX, (long)&abstract,
	     w->abstract_bytes);
	struct attack *a = attack_add(all, "connect, TCP, longest address", BY_FUNCTION);
	a->run = connect_long;
	a->landlock = 4;
	a->unseen = true;
	a = attack_add(all, "connect, unix path, longest address", BY_FUNCTION);
	a->run = unix_long;
	a->kernel = true;
	a->unseen = true;
	CALL(all, 4, "bind, TCP", SYS_bind, FD_TCP4, (long)&any4, in4);
	CALL(all, 4, "bind, TCP on IPv6", SYS_bind, FD_TCP6, (long)&any6, in6);
	CALL(all, LANDLOCK_NOT, "bind, MPTCP", SYS_bind, FD_MPTCP, (long)&any4, in4);
	CALL(all, 10, "bind, UDP", SYS_bind, FD_UDP, (long)&any4, in4);
	CALL(all, LANDLOCK_NOT, "listen, port chosen by the kernel", SYS_listen, FD_TCP4, 8);
	CALL(all, LANDLOCK_NOT, "listen, MPTCP", SYS_listen, FD_MPTCP, 8);
	CALL(all, 10, "sendto with MSG_FASTOPEN", SYS_sendto, FD_TCP4, (long)"x", 1, MSG_FASTOPEN,
	     (long)&to_tcp4, in4)
		->mended = true;
	CALL(all, 10, "sendmsg with MSG_FASTOPEN", SYS_sendmsg, FD_TCP4, (long)&to_tcp_message,
	     MSG_FASTOPEN)
		->mended = true;
	CALL(all, LANDLOCK_NOT, "setsockopt, TCP_FASTOPEN_CONNECT", SYS_setsockopt, FD_TCP4,
	     IPPROTO_TCP, TCP_FASTOPEN_CONNECT, (long)&on, sizeof(on));
	CALL(all, 10, "sendto, UDP", SYS_sendto, FD_UDP, (long)"x", 1, 0, (long)&to_udp, in4);
	CALL(all, 10, "sendmsg, UDP", SYS_sendmsg, FD_UDP, (long)&to_udp_message, 0)->unseen = true;
	CALL(all, 9, "sendmsg, unix path", SYS_sendmsg, FD_UNIX_DATAGRAM, (long)&to_path_message, 0)
		->unseen = true;
}
