/* SPDX-License-Identifier: MIT */
#include "tests/taken/sockets.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

static uid_t user;

static void become(uid_t uid)
{
	assert_int_equal(setresuid((uid_t)-1, uid, (uid_t)-1), 0);
}

void sockets_user(uid_t uid)
{
	user = uid;
}

static int sock_make(void)
{
	become(user);
	int sock = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	become(0);
	assert_true(sock >= 0);
	return sock;
}

int sockets_elsewhere(void)
{
	int before = open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC);
	assert_true(before >= 0);
	assert_int_equal(unshare(CLONE_NEWNET), 0);
	/* NOLINTNEXTLINE(cert-env33-c,concurrency-mt-unsafe) */
	assert_int_equal(system("ip link set lo up && ip address add " SOCKETS_HERE "/24 dev lo"),
			 0);
	return before;
}

void sockets_back(int before)
{
	assert_int_equal(setns(before, CLONE_NEWNET), 0);
	close(before);
}

int sockets_listen(const char *address)
{
	struct sockaddr_in at = {.sin_family = AF_INET};
	int on = 1, sock = sock_make();
	assert_int_equal(inet_pton(AF_INET, address, &at.sin_addr), 1);
	assert_int_equal(setsockopt(sock, IPPROTO_IP, IP_FREEBIND, &on, sizeof(on)), 0);
	assert_int_equal(bind(sock, (struct sockaddr *)&at, sizeof(at)), 0);
	assert_int_equal(listen(sock, 1), 0);
	return sock;
}

void sockets_connect(struct sockets_pair *ret, int listener)
{
	struct sockaddr_in at;
	socklen_t bytes = sizeof(at);
	assert_int_equal(getsockname(listener, (struct sockaddr *)&at, &bytes), 0);
	ret->connected = sock_make();
	assert_int_equal(connect(ret->connected, (struct sockaddr *)&at, bytes), 0);
	become(user);
	ret->accepted = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
	become(0);
	assert_true(ret->accepted >= 0);
}

void sockets_close(const struct sockets_pair *c)
{
	close(c->connected);
	close(c->accepted);
}

uint16_t sockets_port(int sock)
{
	struct sockaddr_in at = {0};
	socklen_t bytes = sizeof(at);
	getsockname(sock, (struct sockaddr *)&at, &bytes);
	return at.sin_family == AF_INET ? ntohs(at.sin_port) : 0;
}
