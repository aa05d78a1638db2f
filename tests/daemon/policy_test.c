/* SPDX-License-Identifier: MIT */
/* Who is of which class, and what each may do. */
#include <arpa/inet.h>
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "policy/lists.h"
#include "policy/policy.h"
#include "proto/reason.h"

static struct policy policy;
static struct policy_class *rest; /* [class default] */

static int setup(void **state)
{
	(void)state;
	int r = policy_init(&policy);
	rest = policy.classes;
	return r;
}

static int teardown(void **state)
{
	(void)state;
	policy_done(&policy);
	return 0;
}

static struct policy_class *class_new(const char *name)
{
	struct policy_class *c = policy_class_get(&policy, name);
	assert_non_null(c);
	return c;
}

static struct msg_addr address(const char *ip, uint16_t port)
{
	struct msg_addr a = {.family = strchr(ip, ':') ? 6 : 4, .port = port};
	assert_int_equal(inet_pton(a.family == 6 ? AF_INET6 : AF_INET, ip, a.ip), 1);
	return a;
}

static uint32_t reason_of(const struct policy_class *c, struct policy_request r)
{
	struct policy_verdict v = policy_judge(c, &r);
	assert_non_null(v.why);
	assert_int_equal(v.reason == REASON_NONE, *v.why == '\0');
	return v.reason;
}

/* Of a connected socket. */
static bool steers(const char *local, uint16_t port, const char *remote, uint16_t remote_port)
{
	struct policy_request r = {.what = POLICY_STEER,
				   .local = address(local, port),
				   .remote = address(remote, remote_port)};
	return reason_of(rest, r) == REASON_NONE;
}

static bool steers_listener(const char *local, uint16_t port)
{
	struct policy_request r = {.what = POLICY_STEER,
				   .listening = true,
				   .local = address(local, port)};
	return reason_of(rest, r) == REASON_NONE;
}

static bool host_listens(const char *local, uint16_t port)
{
	struct policy_request r = {.what = POLICY_FLOW,
				   .listening = true,
				   .receive_only = true,
				   .local = address(local, port)};
	return reason_of(rest, r) == REASON_NONE;
}

static bool host_connects(struct msg_addr local, const char *remote, uint16_t port)
{
	struct policy_request r = {.what = POLICY_FLOW,
				   .receive_only = true,
				   .local = local,
				   .remote = address(remote, port)};
	return reason_of(rest, r) == REASON_NONE;
}

static const char *class_of(struct policy_identity who)
{
	const struct policy_class *c = policy_class_of(&policy, &who);
	return c ? c->name : NULL;
}

static void without_classes_everybody_is_of_the_default(void **state)
{
	(void)state;
	assert_string_equal(class_of((struct policy_identity){.uid = 0}), "default");
	assert_null(class_of((struct policy_identity){.socket = "web"}));
	assert_null(class_of((struct policy_identity){.socket = "default"}));
}

static void users_and_all_their_groups_are_matched_in_order(void **state)
{
	(void)state;
	const gid_t groups[] = {5, 44};
	struct policy_class *a = class_new("a"), *b = class_new("b");
	assert_int_equal(list_users(&a->users, "1000 2000-2999"), 0);
	assert_int_equal(list_groups(&b->groups, "44"), 0);
	assert_int_equal(list_users(&b->users, "1000-9999"), 0);
	assert_string_equal(class_of((struct policy_identity){.uid = 1000}), "a");
	assert_string_equal(class_of((struct policy_identity){.uid = 2999}), "a");
	assert_string_equal(class_of((struct policy_identity){.uid = 3000}), "b");
	assert_string_equal(class_of((struct policy_identity){.uid = 1, .gid = 44}), "b");
	assert_string_equal(class_of((struct policy_identity){.uid = 1,
							      .gid = 1,
							      .groups = groups,
							      .group_count = 2}),
			    "b");
	assert_string_equal(class_of((struct policy_identity){.uid = 1,
							      .gid = 1,
							      .groups = groups,
							      .group_count = 1}),
			    "default");
	assert_string_equal(class_of((struct policy_identity){.uid = 10000}), "default");
}

static void a_class_with_a_socket_is_for_those_who_connect_there(void **state)
{
	(void)state;
	struct policy_class *web = class_new("web"), *a = class_new("a");
	web->socket = strdup("/web");
	assert_int_equal(list_users(&a->users, "0-4294967294"), 0);
	assert_string_equal(class_of((struct policy_identity){.socket = "web"}), "web");
	assert_string_equal(class_of((struct policy_identity){.uid = 7}), "a");
	assert_null(class_of((struct policy_identity){.socket = "a"})); /* it has none */
}

static void hardware_queues_are_denied_until_they_are_named(void **state)
{
	(void)state;
	struct policy_request r = {.what = POLICY_LEASE, .nic = "eth0", .rxq = 3};
	assert_int_equal(reason_of(rest, r), REASON_DENIED);
	assert_false(policy_leases(rest, ""));
	assert_int_equal(list_nics(&rest->nics, "eth0:2-4,7 eth1"), 0);
	assert_int_equal(reason_of(rest, r), REASON_NONE);
	r.rxq = 7;
	assert_int_equal(reason_of(rest, r), REASON_NONE);
	r.rxq = 5;
	assert_int_equal(reason_of(rest, r), REASON_DENIED);
	r.nic = "eth1";
	assert_int_equal(reason_of(rest, r), REASON_NONE);
	r.nic = "eth10";
	assert_int_equal(reason_of(rest, r), REASON_DENIED);
	assert_true(policy_leases(rest, "") && policy_leases(rest, "eth1"));
	assert_false(policy_leases(rest, "eth"));
}

static void backends_are_those_that_are_listed(void **state)
{
	(void)state;
	struct policy_request r = {.what = POLICY_BACKEND};
	for (r.backend = 0; r.backend < 40; r.backend++)
		assert_int_equal(reason_of(rest, r),
				 backend_bit(r.backend) ? REASON_NONE : REASON_DENIED);
	rest->backends = BACKEND_BIT_COPY;
	r.backend = MSG_BACKEND_ZCRX;
	assert_int_equal(reason_of(rest, r), REASON_DENIED);
	r.backend = UINT32_MAX;
	assert_int_equal(reason_of(rest, r), REASON_DENIED);
}

static void ports_below_1024_are_not_steered_by_default(void **state)
{
	(void)state;
	assert_false(steers("10.0.0.1", 80, "1.2.3.4", 5));
	assert_false(steers("10.0.0.1", 1023, "1.2.3.4", 5));
	assert_true(steers("10.0.0.1", 1024, "1.2.3.4", 5));
	assert_true(steers("fd00::1", 65535, "fd00::2", 1));
	assert_true(steers_listener("10.0.0.1", 1024));
	assert_false(steers_listener("fd00::1", 443));
}

static void addresses_are_matched_bit_by_bit(void **state)
{
	(void)state;
	assert_int_equal(list_addresses(&rest->local, "10.16.0.0/12 192.0.2.1:80-81 "
						      "[fd00:8000::/17]:443 fe80::1"),
			 0);
	assert_true(steers("10.31.255.255", 1, "1.2.3.4", 5));
	assert_false(steers("10.32.0.0", 1, "1.2.3.4", 5));
	assert_false(steers("10.15.255.255", 1, "1.2.3.4", 5));
	assert_true(steers("192.0.2.1", 81, "1.2.3.4", 5));
	assert_false(steers("192.0.2.1", 82, "1.2.3.4", 5));
	assert_false(steers("192.0.2.0", 80, "1.2.3.4", 5));
	assert_true(steers("fd00:ffff::1", 443, "::2", 5));
	assert_false(steers("fd00:7fff::1", 443, "::2", 5));
	assert_false(steers("fd00:8000::1", 444, "::2", 5));
	assert_true(steers("fe80::1", 7, "::2", 5));
	assert_false(steers("fe80::3", 7, "::2", 5));
}

static void ipv4_is_ipv4_in_ipv6_too(void **state)
{
	(void)state;
	assert_int_equal(list_addresses(&rest->local, "10.0.0.0/8"), 0);
	assert_true(steers("::ffff:10.1.2.3", 7, "::ffff:1.2.3.4", 5));
	assert_false(steers("::ffff:11.1.2.3", 7, "::ffff:1.2.3.4", 5));
	assert_false(steers("a00::", 7, "::1", 5)); /* 10.0.0.0's bytes */
	assert_int_equal(list_addresses(&rest->local, ""), 0);
	assert_int_equal(list_addresses(&rest->local, "::/0"), 0);
	assert_false(steers("::ffff:10.1.2.3", 7, "::ffff:1.2.3.4", 5));
	assert_true(steers("fd00::1", 7, "::1", 5));
}

static void an_empty_list_allows_nothing(void **state)
{
	(void)state;
	assert_int_equal(list_addresses(&rest->local, ""), 0);
	assert_false(steers("10.0.0.1", 5000, "1.2.3.4", 5));
	assert_false(steers_listener("10.0.0.1", 5000));
}

static void a_listener_is_steered_only_for_everybody(void **state)
{
	(void)state;
	struct msg_addr v4 = address("10.0.0.1", 5000), v6 = address("::", 5000);
	assert_false(policy_steers_each(rest, &v4));
	assert_int_equal(list_addresses(&rest->remote, "10.0.0.0/8"), 0);
	assert_false(steers_listener("10.0.0.1", 5000));
	assert_true(policy_steers_each(rest, &v4));
	assert_true(steers("10.0.0.1", 5000, "10.9.9.9", 5));
	assert_false(steers("10.0.0.1", 5000, "11.9.9.9", 5));
	assert_int_equal(list_addresses(&rest->remote, "0.0.0.0/0"), 0);
	assert_true(steers_listener("10.0.0.1", 5000));
	assert_false(policy_steers_each(rest, &v4));
	assert_true(policy_steers_each(rest, &v6));
	assert_false(steers_listener("fd00::1", 5000));
	assert_int_equal(list_addresses(&rest->remote, "::/0:1-65534"), -EINVAL);
	assert_int_equal(list_addresses(&rest->remote, "[::/0]:1-65534"), 0);
	assert_false(steers_listener("fd00::1", 5000));
	assert_int_equal(list_addresses(&rest->remote, "[::/0]:1-65535"), 0);
	assert_true(steers_listener("fd00::1", 5000));
	assert_int_equal(list_addresses(&rest->remote, ""), 0);
	assert_int_equal(list_addresses(&rest->remote, "::/0"), 0);
	struct msg_addr one = address("fd00::1", 5000);
	assert_false(policy_steers_each(rest, &one));
	assert_true(policy_steers_each(rest, &v6)); /* it takes both families */
}

static void sockets_of_the_daemon_are_denied_receive_only_or_free(void **state)
{
	(void)state;
	struct policy_request r = {.what = POLICY_FLOW, .remote = address("10.0.0.1", 22)};
	assert_int_equal(reason_of(rest, r), REASON_HOST_DENIED);
	r.receive_only = true;
	assert_int_equal(reason_of(rest, r), REASON_HOST_DENIED);
	rest->host = POLICY_HOST_RECEIVE_ONLY;
	assert_int_equal(reason_of(rest, r), REASON_NONE);
	r.receive_only = false;
	assert_int_equal(reason_of(rest, r), REASON_HOST_DENIED);
	rest->host = POLICY_HOST_YES;
	assert_int_equal(list_addresses(&rest->remote, ""), 0);
	assert_int_equal(reason_of(rest, r), REASON_NONE);
}

static void who_only_receives_is_kept_to_the_lists(void **state)
{
	(void)state;
	const struct msg_addr none = {0};
	rest->host = POLICY_HOST_RECEIVE_ONLY;
	assert_int_equal(list_addresses(&rest->local, "10.0.0.1:80 10.0.0.2"), 0);
	assert_int_equal(list_addresses(&rest->remote, "10.0.0.0/8:5000"), 0);
	assert_true(host_listens("10.0.0.1", 80));
	assert_false(host_listens("10.0.0.1", 81));
	assert_false(host_listens("0.0.0.0", 80));
	assert_false(host_listens("10.0.0.1", 0)); /* any port */
	assert_true(host_listens("10.0.0.2", 0));
	assert_true(host_connects(none, "10.1.1.1", 5000));
	assert_false(host_connects(none, "10.1.1.1", 5001));
	assert_false(host_connects(none, "::ffff:11.1.1.1", 5000));
	assert_true(host_connects(none, "::ffff:10.1.1.1", 5000));
	assert_true(host_connects(address("10.0.0.2", 0), "10.1.1.1", 5000));
	assert_true(host_connects(address("0.0.0.0", 0), "10.1.1.1", 5000));
	assert_false(host_connects(address("0.0.0.0", 22), "10.1.1.1", 5000));
	assert_false(host_connects(address("10.0.0.3", 0), "10.1.1.1", 5000));
	struct msg_addr in = address("10.0.0.9", 5000), out = address("10.0.0.9", 22);
	assert_true(policy_accepts(rest, &in));
	assert_false(policy_accepts(rest, &out));
}

static void all_addresses_are_allowed_only_as_such(void **state)
{
	(void)state;
	rest->host = POLICY_HOST_RECEIVE_ONLY;
	assert_true(host_listens("0.0.0.0", 5000));
	assert_true(host_listens("::", 0)); /* the kernel's choice is above 1023 */
	assert_false(host_listens("::", 80));
	assert_int_equal(list_addresses(&rest->local, "0.0.0.0/0:80"), 0);
	assert_true(host_listens("0.0.0.0", 80));
	assert_true(host_listens("::ffff:0.0.0.0", 80));
	assert_false(host_listens("::", 80)); /* it takes both families */
	assert_int_equal(list_addresses(&rest->local, "[::/0]:80"), 0);
	assert_true(host_listens("::", 80));
}

/* Behind the four bytes of an IPv4 address a client may send anything. */
static void all_addresses_are_known_by_their_four_bytes(void **state)
{
	(void)state;
	rest->host = POLICY_HOST_RECEIVE_ONLY;
	assert_int_equal(list_addresses(&rest->local, "0.0.0.0/1:80"), 0);
	struct policy_request r = {.what = POLICY_FLOW,
				   .listening = true,
				   .receive_only = true,
				   .local = address("0.0.0.0", 80)};
	assert_int_equal(reason_of(rest, r), REASON_HOST_DENIED);
	r.local.ip[4] = 1;
	assert_int_equal(reason_of(rest, r), REASON_HOST_DENIED);
}

static void nobody_may_do_nothing(void **state)
{
	(void)state;
	const enum policy_what what[] = {POLICY_BACKEND, POLICY_LEASE, POLICY_STEER, POLICY_FLOW};
	for (size_t i = 0; i < 4; i++)
		assert_int_equal(reason_of(&policy_nobody,
					   (struct policy_request){.what = what[i], .nic = "e"}),
				 REASON_DENIED);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(without_classes_everybody_is_of_the_default),
		CASE(users_and_all_their_groups_are_matched_in_order),
		CASE(a_class_with_a_socket_is_for_those_who_connect_there),
		CASE(hardware_queues_are_denied_until_they_are_named),
		CASE(backends_are_those_that_are_listed),
		CASE(ports_below_1024_are_not_steered_by_default),
		CASE(addresses_are_matched_bit_by_bit),
		CASE(ipv4_is_ipv4_in_ipv6_too),
		CASE(an_empty_list_allows_nothing),
		CASE(a_listener_is_steered_only_for_everybody),
		CASE(sockets_of_the_daemon_are_denied_receive_only_or_free),
		CASE(who_only_receives_is_kept_to_the_lists),
		CASE(all_addresses_are_allowed_only_as_such),
		CASE(all_addresses_are_known_by_their_four_bytes),
		CASE(nobody_may_do_nothing),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
