/* SPDX-License-Identifier: MIT */
/* The sending end: all streams at once, each as fast as its receiver takes it. */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/harness/harness.h"
#include "tests/kernel/die.h"
#include "tests/zcrx/many.h"

enum {
	PIECE = 64 * 1024,
	PASSES = 50 /* a second, with a rate */
};

struct sending {
	int sock;
	uint64_t seed, pos, end;
};

static struct sending sendings[FLOWS_MAX];

static void send_some(const struct many *m, struct sending *s)
{
	static char piece[PIECE];
	size_t most = m->rate ? m->rate / PASSES : PIECE;
	size_t n = s->end - s->pos < most ? (size_t)(s->end - s->pos) : most;
	harness_pattern(piece, s->seed, s->pos, n);
	ssize_t sent = send(s->sock, piece, n, MSG_NOSIGNAL | MSG_DONTWAIT);
	if (sent < 0 && errno != EAGAIN)
		die("send: %m");
	s->pos += sent > 0 ? (uint64_t)sent : 0;
	if (s->pos == s->end)
		shutdown(s->sock, SHUT_WR);
}

static int end_of(const struct many *m, int sock)
{
	struct sockaddr_storage to;
	socklen_t len = many_address(m, &to);
	int s = sock >= 0 ? accept(sock, NULL, NULL) : socket(to.ss_family, SOCK_STREAM, 0);
	/* For the other end to begin the next round. */
	int left_ms = m->rounds > 1 ? PATIENCE_MS : 0;
	while (s >= 0 && sock < 0 && connect(s, (struct sockaddr *)&to, len) < 0) {
		if (errno != ECONNREFUSED || left_ms-- == 0)
			die("%s port %u: %m", m->ip, m->port);
		usleep(1000);
	}
	if (s < 0)
		die("%s port %u: %m", m->ip, m->port);
	return s;
}

static uint64_t seed_of(const struct many *m, int sock)
{
	struct sockaddr_storage from = {0};
	socklen_t len = sizeof(from);
	getsockname(sock, (struct sockaddr *)&from, &len);
	return m->seed + (m->open_ended ? many_port(&from) : 0);
}

static bool is_told_to_end(const struct many *m)
{
	struct pollfd in = {.fd = STDIN_FILENO, .events = POLLIN};
	return m->open_ended && poll(&in, 1, 0) == 1;
}

static void end_here(const struct many *m)
{
	uint64_t bytes = 0;
	for (unsigned i = 0; i < m->flows; i++) {
		struct sending *s = &sendings[i];
		if (s->pos < s->end)
			shutdown(s->sock, SHUT_WR);
		s->end = s->pos;
		bytes += s->pos;
	}
	printf("{\"bytes\": %ju}\n", (uintmax_t)bytes);
}

static void send_round(const struct many *m)
{
	int sock = strcmp(m->how, "serve") == 0 ? many_listener(m) : -1;
	if (sock >= 0)
		many_ready();
	for (unsigned i = 0; i < m->flows; i++) {
		int s = end_of(m, sock);
		sendings[i] = (struct sending){.sock = s, .seed = seed_of(m, s), .end = m->bytes};
	}
	for (unsigned left = m->flows; left > 0;) {
		struct pollfd fds[FLOWS_MAX];
		left = 0;
		if (is_told_to_end(m))
			end_here(m);
		if (m->rate)
			usleep(1000000 / PASSES);
		for (unsigned i = 0; i < m->flows; i++)
			if (sendings[i].pos < sendings[i].end)
				fds[left++] =
					(struct pollfd){.fd = sendings[i].sock, .events = POLLOUT};
		if (left && poll(fds, left, PATIENCE_MS) <= 0)
			die("cannot send for %d s", PATIENCE_MS / 1000);
		for (unsigned i = 0; i < m->flows; i++)
			if (sendings[i].pos < sendings[i].end)
				send_some(m, &sendings[i]);
	}
	/* The receivers hang up when they have everything. */
	for (unsigned i = 0; i < m->flows; i++) {
		char c;
		recv(sendings[i].sock, &c, 1, 0);
		close(sendings[i].sock);
	}
	if (sock >= 0)
		close(sock);
}

void many_send(struct many *m)
{
	for (unsigned left = m->rounds; left > 0; left--, m->port++)
		send_round(m);
}
