/* SPDX-License-Identifier: MIT */
#include "daemon/pump/next.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fd.h"
#include "daemon/link/start.h"
#include "proto/wire.h"

#define FIRST_MS 10 /* from one try to make the pair to the next, at first */
#define MOST_MS  1000

/* Makes the pair by which the next broker's link comes. Returns 0 or a negative errno. */
static int next_make(struct next *n)
{
	int pair[2];
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
		return -errno;
	int own = fcntl(pair[0], F_DUPFD_CLOEXEC, START_NEXT + 1), r = own < 0 ? -errno : 0;
	fd_close(pair[0]);
	if (pair[1] != START_NEXT) {
		if (r == 0 && dup3(pair[1], START_NEXT, O_CLOEXEC) < 0)
			r = -errno;
		fd_close(pair[1]);
	}
	n->sock = r < 0 ? fd_close(own) : own;
	return r;
}

static void spare_make(struct next *n)
{
	if (n->spare < 0)
		n->spare = fcntl(START_REPORT, F_DUPFD_CLOEXEC, START_NEXT + 1);
}

int next_init(struct next *n)
{
	*n = (struct next){.sock = -1, .spare = -1, .at = INT64_MAX};
	int r = next_make(n);
	spare_make(n);
	return r;
}

void next_try(struct next *n)
{
	n->at = INT64_MAX;
	if (next_make(n) == 0)
		return;
	n->at = clock_until(n->ms);
	n->ms = n->ms * 2 < MOST_MS ? n->ms * 2 : MOST_MS;
	if (dup3(START_REPORT, START_NEXT, O_CLOEXEC) < 0)
		fd_close(START_NEXT);
}

void next_close(struct next *n)
{
	n->at = INT64_MAX;
	n->sock = fd_close(n->sock);
}

/*
 * The link that came, or a negative errno: there may be no descriptor left. Then it stays there. If
 * a broker was killed after it had sent one, a newer one follows.
 */
static int link_come(int sock)
{
	union msg_any m;
	int link = -EAGAIN, fds[MSG_FDS_MAX];
	uint32_t n = 0;
	while (wire_recv(sock, &m, fds, &n, MSG_DONTWAIT | MSG_PEEK) > 0 && n > 0) {
		fd_close(link);
		link = fds[0];
		wire_close(fds + 1, n - 1);
		recv(sock, &m, sizeof(m), MSG_DONTWAIT);
	}
	return link;
}

/*
 * Another pair takes the place of the one by which the link came, for the broker after that one.
 * Whose hand has taken the old one by then sends before the shutdown, and that link counts; or gets
 * an error, and tries again.
 */
bool next_take(struct next *n)
{
	n->spare = fd_close(n->spare);
	int sock = n->sock, link = link_come(sock);
	if (link < 0) {
		poll(NULL, 0, FIRST_MS);
		return false;
	}
	n->sock = -1;
	n->ms = FIRST_MS;
	next_try(n);
	shutdown(sock, SHUT_RD);
	int late = link_come(sock);
	fd_close(sock);
	dup3(late < 0 ? link : late, START_LINK, O_CLOEXEC);
	fd_close(link);
	fd_close(late);
	spare_make(n);
	return true;
}
