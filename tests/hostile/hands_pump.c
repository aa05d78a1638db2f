/* SPDX-License-Identifier: MIT */
/*
 * Stands where zcrx-pump does. For a client that speaks as hands_order.h says it is a pump that was
 * taken over, and obeys; for any other it becomes zcrx-pump. Built for the test only.
 */
#include <errno.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "daemon/link/link.h"
#include "daemon/link/start.h"
#include "proto/wire.h"
#include "tests/hostile/hands_order.h"

#ifndef SO_PASSRIGHTS /* older C libraries */
#define SO_PASSRIGHTS 83
#endif

#define START_MS 60000

static bool is_hostile(void)
{
	struct order o = {0};
	struct pollfd in = {.fd = START_CLIENT, .events = POLLIN};
	poll(&in, 1, START_MS);
	return recv(START_CLIENT, &o, sizeof(o), MSG_PEEK | MSG_DONTWAIT) == sizeof(o) &&
	       o.magic == ORDER_MAGIC;
}

static void say(union link_any *m, uint16_t type, uint32_t serial)
{
	m->hdr = (struct msg_hdr){.size = link_bytes(type), .type = type, .serial = serial};
	if (wire_send(START_LINK, &m->hdr, NULL, 0) < 0)
		exit(1);
}

/* The broker's reply to this serial. Gives fd, if it is there, when it is told to. */
static int64_t reply(uint32_t serial, int fd)
{
	for (;;) {
		union link_any m;
		int fds[MSG_FDS_MAX];
		uint32_t n = 0;
		if (wire_recv(START_LINK, &m.any, fds, &n, 0) <= 0)
			exit(1);
		if (m.hdr.type == LINK_STOP)
			exit(0);
		if (m.hdr.type == LINK_GIVE && m.as_GIVE.serial == serial && fd >= 0) {
			const struct msg_hdr given = {.size = sizeof(given), .nfds = 1};
			(void)wire_send(fds[0], &given, &fd, 0);
		}
		if (m.hdr.type == LINK_GIVE && fd < 0)
			continue; /* and keeps the socket */
		wire_close(fds, n);
		if (m.hdr.serial == serial)
			return m.hdr.error;
	}
}

static int64_t ask(const struct order *o, int fd)
{
	static uint32_t serial;
	union link_any m = {.as_CHARGE = {.kind = ACCOUNT_AREAS, .n = 1}};
	say(&m, LINK_CHARGE, ++serial);
	if (reply(serial, -1) < 0)
		return -ENOTRECOVERABLE;
	m = (union link_any){.as_FILE = {.bytes = o->bytes}};
	say(&m, (uint16_t)o->type, ++serial);
	return reply(serial, o->what == ORDER_GIVE ? fd : -1);
}

static int64_t send_fd(int fd)
{
	union link_any m = {.hdr = {.size = link_bytes(LINK_OVER), .type = LINK_OVER}};
	m.hdr.nfds = 1;
	return wire_send(START_LINK, &m.hdr, &fd, 0);
}

static int64_t place(int fd, uint32_t number)
{
	return dup2(fd, (int)number) < 0 ? -errno : 0;
}

/* What it was given it never closes: that would make it wait itself. */
static void serve(void)
{
	union msg_any m;
	int fds[MSG_FDS_MAX];
	uint32_t n = 0;
	while (wire_recv(START_CLIENT, &m, fds, &n, 0) > 0) {
		const struct order *o = (const void *)&m;
		int fd = n > 0 ? fds[0] : -1;
		if (o->what == ORDER_BEGIN)
			setsockopt(START_CLIENT, SOL_SOCKET, SO_PASSRIGHTS, &(int){1}, sizeof(int));
		const struct outcome out = {o->what == ORDER_BEGIN      ? 0
					    : o->what == ORDER_SEND_FDS ? send_fd(fd)
					    : o->what == ORDER_PLACE    ? place(fd, o->type)
									: ask(o, fd)};
		send(START_CLIENT, &out, sizeof(out), MSG_NOSIGNAL);
	}
}

int main(void)
{
	const char *real = getenv("ZCRX_REAL_PUMP");
	if (is_hostile())
		serve();
	else if (real)
		execl(real, "zcrx-pump", NULL);
	return 1;
}
