/* SPDX-License-Identifier: MIT */
/* Whose sockets have a port, what a socket says of itself, and whether it is still there. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "daemon/grant/socket_facts.h"
#include "nic/others.h"
#include "proto/addr.h"
#include "tests/harness/harness.h"

static struct nic_rule rule_of(int sock, bool listener)
{
	struct socket_facts f;
	assert_int_equal(socket_facts(&f, sock), 0);
	assert_int_equal(f.listener, listener);
	struct msg_addr local = addr_unmapped(&f.local), remote = addr_unmapped(&f.remote);
	struct nic_rule rule = {.family = addr_family(&local),
				.local_port = local.port,
				.remote_port = remote.port,
				.socket = f.socket};
	memcpy(rule.local, local.ip, sizeof(rule.local));
	memcpy(rule.remote, remote.ip, sizeof(rule.remote));
	return rule;
}

static void a_listener_alone_is_no_ones(void **state)
{
	(void)state;
	struct sockaddr_in at;
	int listener = harness_listen(&at);
	struct nic_rule rule = rule_of(listener, true);
	assert_int_equal(nic_port_of_others(&rule, geteuid() + 1), 0);
	rule.socket.cookie++; /* it is another one */
	assert_int_equal(nic_port_of_others(&rule, geteuid() + 1), 1);
	close(listener);
}

static void a_connection_is_its_users_and_outlives_the_listener(void **state)
{
	(void)state;
	struct sockaddr_in at;
	int listener = harness_listen(&at), peer = harness_connect(&at);
	int accepted = accept(listener, NULL, NULL);
	struct nic_rule rule = rule_of(listener, true);
	close(listener);
	assert_int_equal(nic_port_of_others(&rule, geteuid()), 0);
	assert_int_equal(nic_port_of_others(&rule, geteuid() + 1), 1);
	assert_int_equal(nic_port_of_others(&rule, (uid_t)-1), 1);
	close(accepted);
	close(peer);
}

static int stands(const struct nic_rule *rule)
{
	int nl = nic_sockets_open(), r = nic_socket_stands(nl, rule);
	close(nl);
	return r;
}

static void a_connection_stands_until_it_is_closed_or_another(void **state)
{
	(void)state;
	struct sockaddr_in at, other;
	int listener = harness_listen(&at), second = harness_listen(&other);
	int sock = harness_connect(&at), accepted = accept(listener, NULL, NULL);
	struct nic_rule rule = rule_of(sock, false), peer = rule_of(accepted, false);
	const struct sockaddr none = {.sa_family = AF_UNSPEC};
	assert_int_equal(stands(&rule), 1);
	assert_int_equal(stands(&peer), 1);
	struct nic_rule changed = rule;
	changed.socket.uid++;
	assert_int_equal(stands(&changed), 0);
	changed = rule;
	changed.socket.cookie = peer.socket.cookie;
	assert_int_equal(stands(&changed), 0);
	changed = rule;
	changed.remote_port = ntohs(other.sin_port);
	assert_int_equal(stands(&changed), 0);
	/* The same socket is connected elsewhere. */
	assert_int_equal(connect(sock, &none, sizeof(none)), 0);
	assert_int_equal(connect(sock, (struct sockaddr *)&other, sizeof(other)), 0);
	assert_int_equal(stands(&rule), 0);
	rule = rule_of(sock, false);
	assert_int_equal(stands(&rule), 1);
	assert_int_equal(fchown(sock, geteuid() + 1, (gid_t)-1), geteuid() == 0 ? 0 : -1);
	assert_int_equal(stands(&rule), geteuid() != 0);
	close(sock);
	assert_int_equal(stands(&rule), 0);
	close(accepted);
	close(listener);
	close(second);
}

static void a_listener_stands_until_it_is_closed(void **state)
{
	(void)state;
	struct sockaddr_in6 any = {.sin6_family = AF_INET6};
	struct sockaddr_in at;
	int on = 1, listener = harness_listen(&at), both = socket(AF_INET6, SOCK_STREAM, 0);
	assert_int_equal(bind(both, (struct sockaddr *)&any, sizeof(any)), 0);
	assert_int_equal(listen(both, 1), 0);
	struct nic_rule rule = rule_of(listener, true), of_both = rule_of(both, true);
	of_both.family = AF_INET; /* it listens for IPv4, too */
	assert_int_equal(stands(&rule), 1);
	assert_int_equal(stands(&of_both), 1);
	close(listener);
	/* Somebody else listens there now. */
	listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	assert_int_equal(bind(listener, (struct sockaddr *)&at, sizeof(at)), 0);
	assert_int_equal(listen(listener, 1), 0);
	assert_int_equal(stands(&rule), 0);
	close(listener);
	assert_int_equal(stands(&rule), 0);
	close(both);
	assert_int_equal(stands(&of_both), 0);
}

/* An IPv4 connection of an IPv6 socket, bound to its interface. */
static void a_mapped_connection_stands(void **state)
{
	(void)state;
	struct sockaddr_in at;
	int listener = harness_listen(&at), sock = socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0);
	struct sockaddr_in6 to = {.sin6_family = AF_INET6, .sin6_port = at.sin_port};
	to.sin6_addr.s6_addr[10] = to.sin6_addr.s6_addr[11] = 0xff;
	memcpy(&to.sin6_addr.s6_addr[12], &at.sin_addr, 4);
	if (geteuid() == 0)
		assert_int_equal(setsockopt(sock, SOL_SOCKET, SO_BINDTODEVICE, "lo", 3), 0);
	assert_int_equal(connect(sock, (struct sockaddr *)&to, sizeof(to)), 0);
	struct nic_rule rule = rule_of(sock, false);
	assert_int_equal(rule.family, AF_INET);
	assert_int_equal(stands(&rule), 1);
	close(listener); /* resets it */
	assert_int_equal(stands(&rule), 0);
	close(sock);
}

static void what_is_no_connected_tcp_socket_has_no_facts(void **state)
{
	(void)state;
	struct sockaddr_in at;
	struct socket_facts f;
	int listener = harness_listen(&at), sock = harness_connect(&at), pair[2];
	int udp = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	int mptcp = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 262);
	int fresh = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
	assert_int_equal(connect(udp, (struct sockaddr *)&at, sizeof(at)), 0);
	assert_int_equal(socket_facts(&f, STDIN_FILENO), -ENOTSOCK);
	assert_int_equal(socket_facts(&f, udp), -EPROTONOSUPPORT);
	assert_int_equal(socket_facts(&f, pair[0]), -EPROTONOSUPPORT);
	if (mptcp >= 0)
		assert_int_equal(socket_facts(&f, mptcp), -EPROTONOSUPPORT);
	assert_int_equal(socket_facts(&f, fresh), -ENOTCONN);
	assert_int_equal(bind(fresh,
			      (struct sockaddr *)&(struct sockaddr_in){.sin_family = AF_INET},
			      sizeof(at)),
			 0);
	assert_int_equal(socket_facts(&f, fresh), -ENOTCONN);
	assert_int_equal(socket_facts(&f, sock), 0);
	assert_int_equal(f.is_foreign, false);
	assert_int_equal(f.socket.uid, geteuid());
	assert_int_equal(shutdown(sock, SHUT_RDWR), 0);
	close(listener);
	assert_int_equal(socket_facts(&f, sock), -ENOTCONN);
	const int all[] = {sock, pair[0], pair[1], udp, mptcp, fresh};
	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++)
		close(all[i]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_connection_stands_until_it_is_closed_or_another),
		cmocka_unit_test(a_listener_stands_until_it_is_closed),
		cmocka_unit_test(a_mapped_connection_stands),
		cmocka_unit_test(what_is_no_connected_tcp_socket_has_no_facts),
		cmocka_unit_test(a_listener_alone_is_no_ones),
		cmocka_unit_test(a_connection_is_its_users_and_outlives_the_listener),
	};
	int r = nic_port_of_others(&(struct nic_rule){.family = AF_INET, .local_port = 1}, 0);
	if (r < 0) {
		printf("skip: no sock_diag here: %s\n", strerror(-r));
		return 77;
	}
	return cmocka_run_group_tests(tests, NULL, NULL);
}
