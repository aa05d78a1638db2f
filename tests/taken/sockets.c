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
#include <string.h>
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

static int namespace_open(const char *name)
{
	int fd = open(name, O_RDONLY | O_CLOEXEC);
	assert_true(fd >= 0);
	return fd;
}

static void run(const char *commands)
{
	/* NOLINTNEXTLINE(cert-env33-c,concurrency-mt-unsafe) */
	assert_int_equal(system(commands), 0);
}

int sockets_elsewhere(void)
{
	int before = namespace_open("/proc/thread-self/ns/net");
	assert_int_equal(unshare(CLONE_NEWNET), 0);
	run("ip link set lo up && ip address add " SOCKETS_HERE "/24 dev lo");
	return before;
}

int sockets_behind_netkit(void)
{
	int before = namespace_open("/proc/thread-self/ns/net");
	/* The kernel names the peer nk0. */
	run("ip netns add behind && ip link add ct9 type netkit && "
	    "ip link set nk0 netns behind && ip link set ct9 up && "
	    "ip address add 10.72.9.1/24 dev ct9 && "
	    "ip -n behind address add " SOCKETS_BEHIND "/24 dev nk0 && "
	    "ip -n behind link set nk0 up && ip -n behind link set lo up");
	int behind = namespace_open("/run/netns/behind");
	assert_int_equal(setns(behind, CLONE_NEWNET), 0);
	close(behind);
	return before;
}

void sockets_back(int before)
{
	assert_int_equal(setns(before, CLONE_NEWNET), 0);
	close(before);
}

void sockets_vrf_make(void)
{
	run("ip link add blue type vrf table 9 && ip link set blue up");
}

void sockets_vrf_has_nic(bool has)
{
	run(has ? "ip link set zc0 master blue" : "ip link set zc0 nomaster");
}

void sockets_bind_to(int sock, const char *device)
{
	assert_int_equal(setsockopt(sock, SOL_SOCKET, SO_BINDTODEVICE, device,
				    (socklen_t)strlen(device)),
			 0);
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
