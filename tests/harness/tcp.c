/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <linux/sockios.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "tests/harness/harness.h"

struct harness_sender {
	pthread_t thread;
	int sock;
	uint64_t seed, bytes;
	enum harness_end end;
	int error;
};

uint64_t harness_now_ms(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

static int tcp_socket(void)
{
	int sock = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_true(sock >= 0);
	return sock;
}

int harness_listen(struct sockaddr_in *ret)
{
	struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
	socklen_t len = sizeof(at);
	int sock = tcp_socket();
	assert_int_equal(bind(sock, (struct sockaddr *)&at, len), 0);
	assert_int_equal(listen(sock, SOMAXCONN), 0);
	assert_int_equal(getsockname(sock, (struct sockaddr *)&at, &len), 0);
	*ret = at;
	return sock;
}

int harness_connect(const struct sockaddr_in *to)
{
	struct sockaddr_in at = *to;
	int sock = tcp_socket();
	if (connect(sock, (struct sockaddr *)&at, sizeof(at)) < 0)
		fail_msg("connect: errno %d", errno);
	return sock;
}

void harness_pair(int pair[2])
{
	struct sockaddr_in at;
	int listener = harness_listen(&at);
	pair[0] = harness_connect(&at);
	pair[1] = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
	assert_true(pair[1] >= 0);
	close(listener);
}

void harness_reset_on_close(int sock)
{
	struct linger linger = {.l_onoff = 1, .l_linger = 0};
	assert_int_equal(setsockopt(sock, SOL_SOCKET, SO_LINGER, &linger, sizeof(linger)), 0);
}

static int send_all(const struct harness_sender *s)
{
	char piece[64 * 1024];
	for (uint64_t pos = 0; pos < s->bytes;) {
		uint64_t left = s->bytes - pos;
		size_t n = left < sizeof(piece) ? (size_t)left : sizeof(piece);
		harness_pattern(piece, s->seed, pos, n);
		for (size_t done = 0; done < n;) {
			ssize_t sent = send(s->sock, piece + done, n - done, MSG_NOSIGNAL);
			if (sent < 0)
				return -errno;
			done += (size_t)sent;
		}
		pos += n;
	}
	return 0;
}

/* A reset throws away what the peer has not acknowledged, so it has to come after that. */
static void reset(int sock)
{
	struct linger linger = {.l_onoff = 1, .l_linger = 0};
	int unsent = 1;
	while (ioctl(sock, SIOCOUTQ, &unsent) == 0 && unsent > 0)
		nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
	setsockopt(sock, SOL_SOCKET, SO_LINGER, &linger, sizeof(linger));
}

static void *sender_run(void *arg)
{
	struct harness_sender *s = arg;
	s->error = send_all(s);
	if (s->end == HARNESS_RESET)
		reset(s->sock);
	if (s->end != HARNESS_STAY)
		close(s->sock);
	return NULL;
}

struct harness_sender *harness_send(int sock, uint64_t seed, uint64_t bytes, enum harness_end end)
{
	struct harness_sender *s = calloc(1, sizeof(*s));
	assert_non_null(s);
	*s = (struct harness_sender){.sock = sock, .seed = seed, .bytes = bytes, .end = end};
	assert_int_equal(pthread_create(&s->thread, NULL, sender_run, s), 0);
	return s;
}

int harness_send_wait(struct harness_sender *s)
{
	assert_int_equal(pthread_join(s->thread, NULL), 0);
	int error = s->error;
	free(s);
	return error;
}
