/* SPDX-License-Identifier: MIT */
#include "daemon/pump/socket.h"

#include <errno.h>
#include <linux/socket.h>
#include <linux/sockios.h>
#include <linux/tcp.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include "base/fd.h"
#include "proto/reason.h"

/* The size to which the kernel lets a receive buffer grow by itself (tcp_rmem). */
#define AUTOTUNED_BYTES (6u << 20)
#define TAKEN_TRIES     8
#define LEAST_BYTES     (16u << 10) /* with less a stream hardly moves */

/* The kernel's TCP states as tcp_info reports them (include/net/tcp_states.h). */
enum {
	STATE_ESTABLISHED = 1,
	STATE_FIN_WAIT1 = 4,
	STATE_FIN_WAIT2 = 5,
	STATE_TIME_WAIT = 6,
	STATE_CLOSE = 7,
	STATE_CLOSE_WAIT = 8,
	STATE_LAST_ACK = 9,
	STATE_CLOSING = 11
};

static int state_of(int sock)
{
	struct tcp_info info = {0};
	socklen_t len = sizeof(info);
	return getsockopt(sock, IPPROTO_TCP, TCP_INFO, &info, &len) < 0 ? -1 : info.tcpi_state;
}

/* Has the peer sent FIN? A connection that is closed altogether does not tell: false. */
static bool has_fin(int state)
{
	return state == STATE_CLOSE_WAIT || state == STATE_LAST_ACK || state == STATE_CLOSING ||
	       state == STATE_TIME_WAIT;
}

static int option(int sock, int level, int name)
{
	int value = 0;
	socklen_t len = sizeof(value);
	return getsockopt(sock, level, name, &value, &len) < 0 ? -1 : value;
}

/* Is the socket connected, or was it, and is what came still to be read? */
static bool connected(int sock)
{
	int state = state_of(sock);
	bool open = state == STATE_ESTABLISHED || state == STATE_FIN_WAIT1 ||
		    state == STATE_FIN_WAIT2 || state == STATE_CLOSE_WAIT;
	return open || (has_fin(state) || state == STATE_CLOSE ? socket_unread(sock) > 0 : false);
}

uint32_t socket_check(int sock, bool listening)
{
	int domain = option(sock, SOL_SOCKET, SO_DOMAIN);
	if (domain < 0)
		return REASON_FD_KIND;
	if ((domain != AF_INET && domain != AF_INET6) ||
	    option(sock, SOL_SOCKET, SO_TYPE) != SOCK_STREAM)
		return REASON_SOCKET_KIND;
	int protocol = option(sock, SOL_SOCKET, SO_PROTOCOL);
	if (protocol == IPPROTO_MPTCP)
		return REASON_SOCKET_PROTOCOL;
	if (protocol != IPPROTO_TCP)
		return REASON_SOCKET_KIND;
	char ulp[16] = "";
	socklen_t len = sizeof(ulp);
	if (getsockopt(sock, IPPROTO_TCP, TCP_ULP, ulp, &len) == 0 && len > 0 && ulp[0])
		return REASON_SOCKET_PROTOCOL;
	bool listens = option(sock, SOL_SOCKET, SO_ACCEPTCONN) == 1;
	if (listens != listening || (!listening && !connected(sock)))
		return REASON_SOCKET_STATE;
	return REASON_NONE;
}

uint64_t socket_unread(int sock)
{
	int unread = 0;
	return ioctl(sock, SIOCINQ, &unread) < 0 ? 0 : (uint64_t)unread;
}

uint64_t socket_taken(int sock)
{
	struct tcp_info before = {0}, info = {0};
	socklen_t len = sizeof(info);
	int unread = 0;
	/* Bytes that come between the two questions would count in one of them only. */
	for (int i = 0; i < TAKEN_TRIES; i++) {
		before = info;
		if (getsockopt(sock, IPPROTO_TCP, TCP_INFO, &info, &len) < 0)
			return 0;
		if (i > 0 && info.tcpi_bytes_received == before.tcpi_bytes_received)
			break;
		if (ioctl(sock, SIOCINQ, &unread) < 0)
			return 0;
	}
	/* A FIN counts as a byte that came, but not as one to be read. */
	bool fin = has_fin(info.tcpi_state) || info.tcpi_state == STATE_CLOSE;
	return info.tcpi_bytes_received - (uint64_t)unread - fin;
}

int socket_end(int sock, uint64_t bytes)
{
	int state = state_of(sock);
	if (state != STATE_CLOSE)
		return has_fin(state) ? 0 : -ESHUTDOWN;
	return (int64_t)(socket_taken(sock) - bytes) < 0 ? -ECONNRESET : 0;
}

uint64_t socket_cookie(int sock)
{
	uint64_t cookie = 0;
	socklen_t len = sizeof(cookie);
	getsockopt(sock, SOL_SOCKET, SO_COOKIE, &cookie, &len);
	return cookie;
}

/* With the longest of addresses: a pump may connect with no other (filter.c). */
void socket_abort(int sock)
{
	const struct sockaddr_storage none = {.ss_family = AF_UNSPEC};
	(void)connect(sock, (const struct sockaddr *)&none, sizeof(none));
}

bool socket_limit(int sock, uint64_t bytes, bool has_one)
{
	if (bytes >= AUTOTUNED_BYTES && !has_one)
		return false;
	if (bytes > AUTOTUNED_BYTES)
		bytes = AUTOTUNED_BYTES;
	if (bytes < LEAST_BYTES)
		bytes = LEAST_BYTES;
	/* The kernel doubles it: the other half is meant for what it needs beside payload. */
	int half = (int)(bytes / 2);
	setsockopt(sock, SOL_SOCKET, SO_RCVBUF, &half, sizeof(half));
	return true;
}

bool socket_is_limited(int sock)
{
	int locks = option(sock, SOL_SOCKET, SO_BUF_LOCK);
	return locks > 0 && locks & SOCK_RCVBUF_LOCK;
}

void socket_unlimit(int sock)
{
	int locks = option(sock, SOL_SOCKET, SO_BUF_LOCK);
	if (locks > 0)
		setsockopt(sock, SOL_SOCKET, SO_BUF_LOCK, &(int){locks & ~SOCK_RCVBUF_LOCK},
			   sizeof(int));
}

uint32_t socket_mark(int sock)
{
	int mark = option(sock, SOL_SOCKET, SO_RCVLOWAT);
	return mark > 0 ? (uint32_t)mark : 1;
}

void socket_set_mark(int sock, uint32_t bytes)
{
	setsockopt(sock, SOL_SOCKET, SO_RCVLOWAT, &(int){(int)bytes}, sizeof(int));
}

uint32_t socket_window(int sock)
{
	struct tcp_info info = {0};
	socklen_t len = sizeof(info);
	return getsockopt(sock, IPPROTO_TCP, TCP_INFO, &info, &len) < 0 ? 0 : info.tcpi_rcv_wnd;
}

/*
 * Both change nothing: SO_RCVLOWAT stays what it is, but setting it makes the kernel look for data
 * (net/ipv4/tcp.c: tcp_set_rcvlowat()); and what is shut already is shut, which wakes for an end
 * without data, by a reset say.
 */
void socket_nudge(int sock)
{
	struct pollfd end = {.fd = sock, .events = POLLRDHUP};
	socket_set_mark(sock, socket_mark(sock));
	if (poll(&end, 1, 0) == 1 && end.revents & POLLRDHUP)
		shutdown(sock, SHUT_RD);
}

int socket_drop(int sock, bool abort)
{
	if (sock < 0)
		return -1;
	struct linger off = {0};
	setsockopt(sock, SOL_SOCKET, SO_LINGER, &off, sizeof(off));
	if (abort)
		socket_abort(sock);
	return fd_close(sock);
}
