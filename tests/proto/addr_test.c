/* SPDX-License-Identifier: MIT */
/* Addresses: there and back, and what is the same. */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>

#include "proto/addr.h"

static struct msg_addr make(uint16_t family, const char *ip, uint16_t port)
{
	struct msg_addr a = {.family = family, .port = port};
	assert_int_equal(inet_pton(addr_family(&a), ip, a.ip), 1);
	return a;
}

static void ipv4_survives_the_way_there_and_back(void **state)
{
	(void)state;
	struct sockaddr_in in = {.sin_family = AF_INET, .sin_port = htons(4711)};
	struct sockaddr_storage out;
	struct msg_addr m;
	assert_int_equal(inet_pton(AF_INET, "192.0.2.7", &in.sin_addr), 1);
	assert_int_equal(addr_from_sockaddr(&m, (struct sockaddr *)&in, sizeof(in)), 0);
	assert_int_equal(m.family, 4);
	assert_int_equal(m.port, 4711);
	assert_memory_equal(m.ip, "\xc0\x00\x02\x07\0\0\0\0\0\0\0\0\0\0\0\0", 16);
	assert_int_equal(addr_to_sockaddr(&m, &out), sizeof(in));
	assert_memory_equal(&in, &out, sizeof(in));
}

static void ipv6_survives_the_way_there_and_back(void **state)
{
	(void)state;
	struct sockaddr_in6 in = {.sin6_family = AF_INET6, .sin6_port = htons(80)};
	struct sockaddr_storage out;
	struct msg_addr m;
	in.sin6_scope_id = 9;
	assert_int_equal(inet_pton(AF_INET6, "fe80::1:2", &in.sin6_addr), 1);
	assert_int_equal(addr_from_sockaddr(&m, (struct sockaddr *)&in, sizeof(in)), 0);
	assert_int_equal(m.family, 6);
	assert_int_equal(m.scope, 9);
	assert_int_equal(addr_to_sockaddr(&m, &out), sizeof(in));
	assert_memory_equal(&in, &out, sizeof(in));
}

static void refuses_every_address_cut_short(void **state)
{
	(void)state;
	struct sockaddr_in in = {.sin_family = AF_INET};
	struct sockaddr_in6 in6 = {.sin6_family = AF_INET6};
	struct msg_addr m;
	for (socklen_t len = 0; len < sizeof(in); len++)
		assert_int_equal(addr_from_sockaddr(&m, (struct sockaddr *)&in, len), -EINVAL);
	for (socklen_t len = 0; len < sizeof(in6); len++)
		assert_int_equal(addr_from_sockaddr(&m, (struct sockaddr *)&in6, len), -EINVAL);
}

static void refuses_other_families(void **state)
{
	(void)state;
	struct sockaddr_un un = {.sun_family = AF_UNIX};
	struct sockaddr_storage out;
	struct msg_addr m = {.family = 5};
	assert_int_equal(addr_to_sockaddr(&m, &out), 0);
	assert_int_equal(addr_family(&m), AF_UNSPEC);
	assert_int_equal(addr_from_sockaddr(&m, (struct sockaddr *)&un, sizeof(un)), -EAFNOSUPPORT);
	assert_int_equal(m.family, 5);
}

static void only_mapped_addresses_are_unmapped(void **state)
{
	(void)state;
	struct msg_addr a = make(6, "::ffff:192.0.2.7", 80), b = addr_unmapped(&a);
	struct msg_addr four = make(4, "192.0.2.7", 80);
	assert_memory_equal(&b, &four, sizeof(b));
	const char *const others[] = {"::192.0.2.7", "::fffe:192.0.2.7", "::1:ffff:192.0.2.7",
				      "::"};
	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
		a = make(6, others[i], 80);
		b = addr_unmapped(&a);
		assert_memory_equal(&a, &b, sizeof(b));
	}
}

/* A client may send anything behind the four bytes of an IPv4 address. */
static void what_lies_behind_an_ipv4_address_does_not_count(void **state)
{
	(void)state;
	struct msg_addr any = make(4, "0.0.0.0", 80), a = make(4, "192.0.2.7", 80), b = a;
	any.ip[4] = b.ip[15] = 1;
	assert_true(addr_is_any(&any));
	assert_true(addr_same_ip(&a, &b));
	b = addr_unmapped(&b);
	assert_memory_equal(&a, &b, sizeof(a));
}

static void any_is_told_from_one(void **state)
{
	(void)state;
	struct msg_addr a[] = {make(4, "0.0.0.0", 1), make(6, "::", 2),
			       make(6, "::ffff:0.0.0.0", 3)};
	struct msg_addr one[] = {make(4, "0.0.0.1", 0), make(6, "::1", 0),
				 make(6, "::ffff:0.0.0.1", 0)};
	for (int i = 0; i < 3; i++) {
		assert_true(addr_is_any(&a[i]));
		assert_false(addr_is_any(&one[i]));
		assert_false(addr_same_ip(&a[i], &one[i]));
		assert_true(addr_same_ip(&one[i], &one[i]));
	}
	assert_true(addr_same_ip(&one[0], &one[2]));
	assert_false(addr_same_ip(&one[0], &one[1]));
	assert_false(addr_same_ip(&a[0], &a[1]));
}

static void a_socket_shows_the_addresses_that_it_has(void **state)
{
	(void)state;
	struct msg_addr local = {0}, remote = {.port = 7};
	int sock = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	struct sockaddr_storage to;
	struct msg_addr peer = make(4, "127.0.0.1", 9);
	assert_true(sock >= 0);
	addr_of_socket(sock, &local, &remote);
	assert_int_equal(local.family, 4);
	assert_int_equal(remote.port, 7);
	assert_int_equal(connect(sock, (struct sockaddr *)&to, addr_to_sockaddr(&peer, &to)), 0);
	addr_of_socket(sock, &local, &remote);
	assert_memory_equal(&remote, &peer, sizeof(peer));
	assert_true(addr_same_ip(&local, &peer));
	addr_of_socket(sock, &local, NULL);
	close(sock);
}

static void text_is_what_people_write(void **state)
{
	(void)state;
	char text[ADDR_TEXT_BYTES];
	struct msg_addr a = make(4, "192.0.2.7", 80);
	addr_text(&a, text);
	assert_string_equal(text, "192.0.2.7:80");
	a = make(6, "2001:db8::7", 65535);
	addr_text(&a, text);
	assert_string_equal(text, "[2001:db8::7]:65535");
	addr_text(&(struct msg_addr){.family = 9, .port = 1}, text);
	assert_string_equal(text, "");
	addr_text(&(struct msg_addr){0}, text);
	assert_string_equal(text, "");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(ipv4_survives_the_way_there_and_back),
		cmocka_unit_test(ipv6_survives_the_way_there_and_back),
		cmocka_unit_test(refuses_every_address_cut_short),
		cmocka_unit_test(refuses_other_families),
		cmocka_unit_test(only_mapped_addresses_are_unmapped),
		cmocka_unit_test(what_lies_behind_an_ipv4_address_does_not_count),
		cmocka_unit_test(any_is_told_from_one),
		cmocka_unit_test(a_socket_shows_the_addresses_that_it_has),
		cmocka_unit_test(text_is_what_people_write),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
