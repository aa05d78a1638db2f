/* SPDX-License-Identifier: MIT */
#include "lib/addr.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <sys/un.h>

#include <cmocka.h>

static void ipv4_survives_the_way_there_and_back(void **state)
{
	(void)state;
	struct sockaddr_in in = {.sin_family = AF_INET, .sin_port = htons(4711)}, out = {0};
	struct msg_addr m;
	socklen_t len = sizeof(out);
	assert_int_equal(inet_pton(AF_INET, "192.0.2.7", &in.sin_addr), 1);
	assert_int_equal(addr_from_socket(&m, (struct sockaddr *)&in, sizeof(in)), 0);
	assert_int_equal(m.family, 4);
	assert_int_equal(m.port, 4711);
	assert_memory_equal(m.ip, "\xc0\x00\x02\x07", 4);
	assert_int_equal(addr_to_socket(&m, (struct sockaddr *)&out, &len), 0);
	assert_int_equal(len, sizeof(in));
	assert_memory_equal(&in, &out, sizeof(in));
}

static void ipv6_survives_the_way_there_and_back(void **state)
{
	(void)state;
	struct sockaddr_in6 in = {.sin6_family = AF_INET6, .sin6_port = htons(80)}, out = {0};
	struct msg_addr m;
	socklen_t len = sizeof(out);
	in.sin6_scope_id = 9;
	assert_int_equal(inet_pton(AF_INET6, "fe80::1:2", &in.sin6_addr), 1);
	assert_int_equal(addr_from_socket(&m, (struct sockaddr *)&in, sizeof(in)), 0);
	assert_int_equal(m.family, 6);
	assert_int_equal(m.scope, 9);
	assert_int_equal(addr_to_socket(&m, (struct sockaddr *)&out, &len), 0);
	assert_int_equal(len, sizeof(in));
	assert_memory_equal(&in, &out, sizeof(in));
}

static void refuses_every_address_cut_short(void **state)
{
	(void)state;
	struct sockaddr_in in = {.sin_family = AF_INET};
	struct sockaddr_in6 in6 = {.sin6_family = AF_INET6};
	struct msg_addr m;
	for (socklen_t len = 0; len < sizeof(in); len++)
		assert_int_equal(addr_from_socket(&m, (struct sockaddr *)&in, len), -EINVAL);
	for (socklen_t len = 0; len < sizeof(in6); len++)
		assert_int_equal(addr_from_socket(&m, (struct sockaddr *)&in6, len), -EINVAL);
}

static void refuses_other_families(void **state)
{
	(void)state;
	struct sockaddr_un un = {.sun_family = AF_UNIX};
	struct msg_addr m;
	assert_int_equal(addr_from_socket(&m, (struct sockaddr *)&un, sizeof(un)), -EAFNOSUPPORT);
}

static void no_address_is_enotconn_and_nothing_is_written(void **state)
{
	(void)state;
	struct msg_addr none = {0};
	struct sockaddr_in out = {.sin_port = 1};
	socklen_t len = sizeof(out);
	assert_int_equal(addr_to_socket(&none, (struct sockaddr *)&out, &len), -ENOTCONN);
	assert_int_equal(out.sin_port, 1);
	assert_int_equal(len, sizeof(out));
}

static void writes_no_more_than_there_is_room_for(void **state)
{
	(void)state;
	struct msg_addr m = {.family = 4, .port = 0xffff, .ip = {255, 255, 255, 255}};
	for (socklen_t room = 0; room < sizeof(struct sockaddr_in); room++) {
		unsigned char out[sizeof(struct sockaddr_in)];
		memset(out, 0xaa, sizeof(out));
		socklen_t len = room;
		assert_int_equal(addr_to_socket(&m, (struct sockaddr *)(void *)out, &len), 0);
		assert_int_equal(len, sizeof(struct sockaddr_in));
		for (size_t i = room; i < sizeof(out); i++)
			assert_int_equal(out[i], 0xaa);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(ipv4_survives_the_way_there_and_back),
		cmocka_unit_test(ipv6_survives_the_way_there_and_back),
		cmocka_unit_test(refuses_every_address_cut_short),
		cmocka_unit_test(refuses_other_families),
		cmocka_unit_test(no_address_is_enotconn_and_nothing_is_written),
		cmocka_unit_test(writes_no_more_than_there_is_room_for),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
