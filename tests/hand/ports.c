/* SPDX-License-Identifier: MIT */
#include "tests/hand/ports.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/fsuid.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/size.h"

bool ports_begin(void)
{
	if (geteuid() != 0 || unshare(CLONE_NEWNET) < 0)
		return false;
	/* NOLINTNEXTLINE(cert-env33-c,concurrency-mt-unsafe) */
	int r = system("ip link set lo up && ip link add other type veth peer name end && "
		       "ip link set other up && ip link set end up");
	assert_int_equal(r, 0);
	return true;
}

#define HERE   "127.0.0.1"
#define ALL    "0.0.0.0"
#define ALL_V6 "::"

const struct ports_case ports_cases[] = {
	{"nobody else", {.at = HERE}, {0}, false, PORTS_WHOLE},
	{"at another address", {.at = HERE}, {.at = "127.0.0.2"}, false, PORTS_WHOLE},
	{"the client's own, in a group",
	 {.at = HERE, .grouped = true},
	 {.at = HERE, .grouped = true, .user = PORTS_USER},
	 false,
	 PORTS_WHOLE},
	/* The client's listener is bound to a device. */
	{"on the NIC", {.at = HERE, .device = "lo"}, {0}, false, PORTS_WHOLE},
	{"on another device", {.at = HERE, .device = "other"}, {0}, false, PORTS_NONE},
	{"on another device, the other on the NIC",
	 {.at = HERE, .device = "other"},
	 {.at = HERE, .device = "lo"},
	 false,
	 PORTS_NONE},
	{"all on another device, the other on the NIC",
	 {.at = ALL, .device = "other"},
	 {.at = ALL, .device = "lo"},
	 false,
	 PORTS_NONE},
	{"of both families on another device, the other on the NIC",
	 {.at = ALL_V6, .device = "other"},
	 {.at = HERE, .device = "lo"},
	 false,
	 PORTS_NONE},
	{"on the NIC, the other on another device",
	 {.at = HERE, .device = "lo"},
	 {.at = HERE, .device = "other"},
	 false,
	 PORTS_EACH},
	/* Addresses that are one another's in part. */
	{"on the NIC, the other at all",
	 {.at = HERE, .device = "lo"},
	 {.at = ALL, .device = "other"},
	 false,
	 PORTS_EACH},
	{"all on the NIC, the other at one",
	 {.at = ALL, .device = "lo"},
	 {.at = "127.0.0.2", .device = "other"},
	 false,
	 PORTS_EACH},
	{"on the NIC, the other of both families",
	 {.at = HERE, .device = "lo"},
	 {.at = ALL_V6, .device = "other"},
	 false,
	 PORTS_EACH},
	{"of both families on the NIC, the other of IPv4",
	 {.at = ALL_V6, .device = "lo"},
	 {.at = ALL, .device = "other"},
	 false,
	 PORTS_EACH},
	{"of both families on the NIC, the other mapped",
	 {.at = ALL_V6, .device = "lo"},
	 {.at = "::ffff:127.0.0.2", .device = "other"},
	 false,
	 PORTS_EACH},
	{"of IPv6 on the NIC, the other of both",
	 {.at = "::1", .device = "lo"},
	 {.at = ALL_V6, .device = "other"},
	 false,
	 PORTS_EACH},
	{"on the NIC, the other of IPv6 only",
	 {.at = HERE, .device = "lo"},
	 {.at = ALL_V6, .device = "other", .v6only = true},
	 false,
	 PORTS_WHOLE},
	{"of IPv6 only on the NIC, the other of IPv4",
	 {.at = ALL_V6, .device = "lo", .v6only = true},
	 {.at = ALL, .device = "other"},
	 false,
	 PORTS_WHOLE},
	/* A listener that another user passed to the client; others of its group are not passed. */
	{"passed", {.at = HERE, .user = PORTS_OTHER}, {0}, false, PORTS_WHOLE},
	{"passed, with another of its group",
	 {.at = HERE, .grouped = true, .user = PORTS_OTHER},
	 {.at = HERE, .grouped = true},
	 false,
	 PORTS_EACH},
	/* What the kernel lets nobody have. */
	{"the same", {.at = HERE}, {.at = HERE}, true, PORTS_WHOLE},
	{"a group of two users",
	 {.at = HERE, .grouped = true},
	 {.at = HERE, .grouped = true},
	 true,
	 PORTS_WHOLE},
	{"all, the other at one", {.at = ALL}, {.at = "127.0.0.2"}, true, PORTS_WHOLE},
	{"the other on the NIC", {.at = HERE}, {.at = HERE, .device = "lo"}, true, PORTS_WHOLE},
	{"the other on another device",
	 {.at = HERE},
	 {.at = HERE, .device = "other"},
	 true,
	 PORTS_WHOLE},
	{"on the NIC, the other on none",
	 {.at = HERE, .device = "lo"},
	 {.at = HERE},
	 true,
	 PORTS_WHOLE},
	{"of both families, the other of IPv4", {.at = ALL_V6}, {.at = HERE}, true, PORTS_WHOLE},
};
const unsigned ports_n = ARRAY_LENGTH(ports_cases);

static int sock_make(const struct ports_listener *l, unsigned user)
{
	int on = 1, family = strchr(l->at, ':') ? AF_INET6 : AF_INET;
	setfsuid(l->user ? l->user : user);
	int sock = socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0);
	setfsuid(0);
	assert_true(sock >= 0);
	setsockopt(sock, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	if (l->grouped)
		assert_int_equal(setsockopt(sock, SOL_SOCKET, SO_REUSEPORT, &on, sizeof(on)), 0);
	if (l->v6only)
		assert_int_equal(setsockopt(sock, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof(on)), 0);
	if (l->device)
		assert_int_equal(setsockopt(sock, SOL_SOCKET, SO_BINDTODEVICE, l->device,
					    (socklen_t)strlen(l->device)),
				 0);
	return sock;
}

/* port: in network order. Returns the socket or a negative errno. */
static int listen_at(const struct ports_listener *l, unsigned user, in_port_t port)
{
	struct sockaddr_in6 v6 = {.sin6_family = AF_INET6, .sin6_port = port};
	struct sockaddr_in v4 = {.sin_family = AF_INET, .sin_port = port};
	int sock = sock_make(l, user);
	bool is_v4 = inet_pton(AF_INET, l->at, &v4.sin_addr) == 1;
	assert_true(is_v4 || inet_pton(AF_INET6, l->at, &v6.sin6_addr) == 1);
	int r = is_v4 ? bind(sock, (struct sockaddr *)&v4, sizeof(v4))
		      : bind(sock, (struct sockaddr *)&v6, sizeof(v6));
	if (r == 0 && listen(sock, 1) == 0)
		return sock;
	r = -errno;
	close(sock);
	return r;
}

void ports_make(const struct ports_case *c, int *ret_first, int *ret_second)
{
	union {
		struct sockaddr any;
		struct sockaddr_in v4; /* its port is where that of IPv6 is */
		struct sockaddr_in6 v6;
	} at;
	socklen_t bytes = sizeof(at);
	*ret_second = -1;
	*ret_first = listen_at(&c->first, PORTS_USER, 0);
	assert_true(*ret_first >= 0);
	if (!c->second.at)
		return;
	assert_int_equal(getsockname(*ret_first, &at.any, &bytes), 0);
	*ret_second = listen_at(&c->second, PORTS_OTHER, at.v4.sin_port);
	if (c->kernel_refuses)
		assert_int_equal(*ret_second, -EADDRINUSE);
	else
		assert_true(*ret_second >= 0);
}
