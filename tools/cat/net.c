/* SPDX-License-Identifier: MIT */
#include "tools/cat/net.h"

#include "base/port.h"
#include "tools/cat/say.h"

#include <ctype.h>
#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
	NAME_BYTES = 128
};

/* Writes an address as "ADDRESS port PORT". */
static const char *address_name(char name[NAME_BYTES], const void *address, socklen_t len)
{
	char host[NI_MAXHOST], port[NI_MAXSERV];

	if (getnameinfo(address, len, host, sizeof(host), port, sizeof(port),
			NI_NUMERICHOST | NI_NUMERICSERV) != 0)
		return "an unknown address";
	snprintf(name, NAME_BYTES, "%.80s port %s", host, port);
	return name;
}

bool net_is_port(const char *text)
{
	const struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_PASSIVE};
	struct addrinfo *all;
	uint16_t port;

	/* getaddrinfo() takes the last 16 bits of any number. */
	if (!isalpha((unsigned char)*text))
		return port_parse(text, &port);
	if (getaddrinfo(NULL, text, &hints, &all) != 0)
		return false;
	freeaddrinfo(all);
	return true;
}

static int resolve(struct addrinfo **ret, const char *host, const char *port, int flags)
{
	const struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = flags};
	int r = getaddrinfo(host, port, &hints, ret);

	if (r == 0)
		return 0;
	say("%s%sport %s: %s", host ? host : "", host ? " " : "", port, gai_strerror(r));
	return r == EAI_SYSTEM ? -errno : -EADDRNOTAVAIL;
}

/* Waits until the connect() of a non-blocking socket has succeeded or failed. */
static int connect_finish(const struct waiter *w, int sock)
{
	socklen_t len = sizeof(int);
	int error, r = waiter_poll(w, sock, POLLOUT, -1);

	if (r < 0)
		return r;
	if (getsockopt(sock, SOL_SOCKET, SO_ERROR, &error, &len) < 0)
		return -errno;
	return -error;
}

static int connect_one(const struct waiter *w, const struct addrinfo *a)
{
	int r, sock = socket(a->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	if (sock < 0)
		return -errno;
	r = connect(sock, a->ai_addr, a->ai_addrlen) < 0 ? -errno : 0;
	if (r == -EINPROGRESS || r == -EINTR)
		r = connect_finish(w, sock);
	if (r == 0)
		return sock;
	close(sock);
	return r;
}

int net_connect(const struct waiter *w, const char *host, const char *port, bool verbose)
{
	struct addrinfo *all;
	int r = resolve(&all, host, port, 0);

	if (r < 0)
		return r;
	for (const struct addrinfo *a = all; a; a = a->ai_next) {
		char name[NAME_BYTES];

		r = connect_one(w, a);
		if (r == -ECANCELED || r == -ETIME)
			break;
		if (r < 0)
			say("%s: %s", address_name(name, a->ai_addr, a->ai_addrlen), say_error(r));
		else if (verbose)
			say("connected to %s", address_name(name, a->ai_addr, a->ai_addrlen));
		if (r >= 0)
			break;
	}
	freeaddrinfo(all);
	return r;
}

/* Listens on one address. An IPv6 socket on the wildcard address takes IPv4 connections, too. */
static int listen_one(const struct addrinfo *a)
{
	const int on = 1, off = 0;
	int r, sock = socket(a->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	if (sock < 0)
		return -errno;
	setsockopt(sock, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	if (a->ai_family == AF_INET6)
		setsockopt(sock, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof(off));
	if (bind(sock, a->ai_addr, a->ai_addrlen) == 0 && listen(sock, SOMAXCONN) == 0)
		return sock;
	r = -errno;
	close(sock);
	return r;
}

/* Listens on the first address that it can, of the given family, or with 0 of any. */
static int listen_any(const struct addrinfo *all, int family)
{
	int sock = -EAFNOSUPPORT;

	for (const struct addrinfo *a = all; a && sock < 0; a = a->ai_next)
		if (family == 0 || a->ai_family == family)
			sock = listen_one(a);
	return sock;
}

int net_listen(const char *host, const char *port, bool verbose)
{
	struct addrinfo *all;
	struct sockaddr_storage at;
	socklen_t len = sizeof(at);
	char name[NAME_BYTES];
	int sock, r = resolve(&all, host, port, AI_PASSIVE);

	if (r < 0)
		return r;
	sock = host ? -EAFNOSUPPORT : listen_any(all, AF_INET6);
	if (sock < 0)
		sock = listen_any(all, 0);
	if (sock < 0)
		say("cannot listen on %s%sport %s: %s", host ? host : "", host ? " " : "", port,
		    say_error(sock));
	else if (verbose && getsockname(sock, (struct sockaddr *)&at, &len) == 0)
		say("listening on %s", address_name(name, &at, len));
	freeaddrinfo(all);
	return sock;
}

int net_accept(int listener, bool verbose)
{
	struct sockaddr_storage from;
	char name[NAME_BYTES];

	for (;;) {
		socklen_t len = sizeof(from);
		int sock = accept4(listener, (struct sockaddr *)&from, &len, SOCK_CLOEXEC);
		int r = sock < 0 ? -errno : 0;

		if (sock >= 0) {
			if (verbose)
				say("connection from %s", address_name(name, &from, len));
			return sock;
		}
		/* A connection can be gone before it is accepted, which is no reason to end. */
		if (r != -ECONNABORTED && r != -EINTR)
			return r;
	}
}
