/* SPDX-License-Identifier: MIT */
/* How often a user may do what costs each time, and how much of that at once. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "base/clock.h"
#include "daemon/grant/account.h"
#include "daemon/grant/rates.h"

enum {
	ALICE = 1000,
	BOB = 1001
};

/* The defaults of zcrxd.conf(5), but for the users. */
static struct limits limits;
static const struct limits defaults = {
	.requests_per_second = 10000,
	.connections_per_second = 100,
	.leases_per_minute = 60,
	.most_users = 2,
};

static uint64_t now_ns;
static char why[LIMITS_SAID_BYTES];

static int setup(void **state)
{
	(void)state;
	limits = defaults;
	now_ns = 1; /* the clock begins when the machine does */
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	account_done();
	return 0;
}

static struct user *get(uid_t uid)
{
	struct user *u = NULL;
	assert_int_equal(user_get(&u, "class", &limits, uid, now_ns, NULL), 0);
	return u;
}

/* How many requests are allowed at this moment. */
static uint64_t requests(struct user *u)
{
	uint64_t n = 0;
	while (rates_request(u, now_ns))
		n++;
	return n;
}

static uint64_t connections(struct user *u)
{
	uint64_t n = 0;
	while (rates_connection(u, now_ns, why))
		n++;
	return n;
}

/* How many leases may be taken at once; *ret_late: how many more, after a wait. */
static uint64_t leases(struct user *u, uint64_t *ret_late)
{
	uint64_t n[2] = {0}, wait_ns;
	while (rates_lease(u, now_ns, &wait_ns, why))
		n[wait_ns > 0]++;
	*ret_late = n[1];
	return n[0];
}

/* At the worst all users do this in the same moment. */
static void a_burst_is_a_small_part_of_what_the_rate_allows(void **state)
{
	(void)state;
	struct user *u = get(ALICE);
	uint64_t late;
	assert_int_equal(requests(u), 2500);
	now_ns += NS_A_SECOND;
	assert_int_equal(connections(u), 32);
	assert_int_equal(leases(u, &late), 16);
	user_put(u);
}

/* Who opens all of its queues at its start waits for none of them, nor is refused. */
static void the_burst_of_a_low_rate_is_all_of_it(void **state)
{
	(void)state;
	uint64_t late;
	limits.requests_per_second = 10;
	limits.connections_per_second = 2;
	limits.leases_per_minute = 3;
	struct user *u = get(ALICE);
	assert_int_equal(connections(u), 2);
	assert_int_equal(requests(u), 10);
	assert_int_equal(leases(u, &late), 3);
	user_put(u);
}

/* The class of a user that is here may be taken out of the configuration at any moment. */
static void of_nothing_there_is_none(void **state)
{
	(void)state;
	uint64_t late;
	limits = (struct limits){.most_users = 2};
	struct user *u = get(ALICE);
	assert_int_equal(connections(u), 0);
	assert_int_equal(requests(u), 0);
	assert_int_equal(leases(u, &late), 0);
	assert_int_equal(late, 0);
	user_put(u);
}

static void the_pace_is_steady(void **state)
{
	(void)state;
	struct user *u = get(ALICE);
	uint64_t n = requests(u), after_pauses = 0;
	for (int i = 0; i < 100; i++) {
		now_ns += 10 * NS_A_MS;
		uint64_t more = requests(u);
		assert_in_range(more, 99, 101);
		after_pauses += more;
	}
	assert_int_equal(n, 2500);
	assert_in_range(after_pauses, 9999, 10001);
	now_ns += 3600 * NS_A_SECOND; /* saves nothing beyond the burst */
	assert_int_equal(requests(u), 2500);
	user_put(u);
}

/* A pump that finds its rate used up asks again 100 ms later; that loses nothing of the rate. */
static void a_pause_of_a_pump_loses_nothing(void **state)
{
	(void)state;
	static const uint64_t rates[] = {16, 50, 64, 100, 1000, 10000};
	for (size_t i = 0; i < sizeof(rates) / sizeof(rates[0]); i++) {
		uint64_t n = 0;
		limits.requests_per_second = rates[i];
		now_ns += 3600 * NS_A_SECOND;
		struct user *u = get(ALICE);
		requests(u);
		for (int j = 0; j < 600; j++) {
			now_ns += 100 * NS_A_MS;
			n += requests(u);
		}
		assert_in_range(n, rates[i] * 60 - 1, rates[i] * 60 + 1);
		user_put(u);
		account_done();
	}
}

static void the_rate_is_the_users_however_often_it_connects(void **state)
{
	(void)state;
	limits.requests_per_second = 3;
	struct user *one = get(ALICE), *two = get(ALICE), *bob = get(BOB);
	now_ns = 5 * NS_A_SECOND;
	assert_true(rates_request(one, now_ns));
	assert_true(rates_request(two, now_ns - 1)); /* its clock was read before */
	assert_true(rates_request(one, now_ns));
	assert_false(rates_request(one, now_ns + 1));
	assert_false(rates_request(two, now_ns + 1));
	assert_true(rates_request(bob, now_ns + 1));
	now_ns += NS_A_SECOND;
	assert_int_equal(requests(two), 3);
	assert_false(rates_request(one, now_ns));
	user_put(one);
	user_put(two);
	user_put(bob);
}

static void the_rate_outlives_the_users_last_connection(void **state)
{
	(void)state;
	limits.requests_per_second = 3;
	for (int i = 0; i < 3; i++) {
		struct user *u = get(ALICE);
		assert_true(rates_request(u, now_ns));
		user_put(u);
	}
	struct user *u = get(ALICE);
	assert_false(rates_request(u, now_ns));
	user_put(u);
	now_ns += NS_A_SECOND / 3;
	u = get(ALICE);
	assert_int_equal(requests(u), 1);
	user_put(u);
	now_ns += NS_A_SECOND;
	u = get(ALICE);
	assert_int_equal(requests(u), 3);
	user_put(u);
}

static void connections_have_a_rate_that_is_told_and_outlives_users(void **state)
{
	(void)state;
	limits.connections_per_second = 2;
	for (int i = 0; i < 2; i++) {
		struct user *u = get(ALICE);
		assert_true(rates_connection(u, now_ns, why));
		user_put(u);
	}
	struct user *u = get(ALICE), *bob = get(BOB);
	assert_false(rates_connection(u, now_ns, why));
	assert_non_null(strstr(why, "connections-per-second="));
	assert_true(rates_request(u, now_ns)); /* who is connected goes on */
	assert_true(rates_connection(bob, now_ns, why));
	user_put(u);
	now_ns += NS_A_SECOND / 2 - 1;
	u = get(ALICE);
	assert_false(rates_connection(u, now_ns, why));
	assert_true(rates_connection(u, now_ns + 1, why));
	user_put(u);
	user_put(bob);
}

/* Where another lease is due soon it is told for how long to wait, and it is the caller's. */
static void leases_are_waited_for_a_little_and_then_refused(void **state)
{
	(void)state;
	uint64_t late, wait_ns;
	struct user *u = get(ALICE), *bob = get(BOB);
	assert_int_equal(leases(u, &late), 16);
	assert_int_equal(late, 2); /* one in 1 s, one in 2 s */
	assert_non_null(strstr(why, "try again in 3 s"));
	now_ns += 500 * NS_A_MS;
	assert_false(rates_lease(u, now_ns, &wait_ns, why));
	now_ns += 500 * NS_A_MS;
	assert_true(rates_lease(u, now_ns, &wait_ns, why));
	assert_int_equal(wait_ns, LEASE_WAIT_MAX_NS);
	assert_true(rates_request(u, now_ns)); /* requests are counted apart from leases */
	assert_int_equal(leases(bob, &late), 16);
	user_put(u);
	user_put(bob);
}

static void leases_have_a_rate_that_outlives_users(void **state)
{
	(void)state;
	uint64_t wait_ns;
	limits.leases_per_minute = 2;
	for (int i = 0; i < 2; i++) {
		struct user *u = get(ALICE);
		assert_true(rates_lease(u, now_ns, &wait_ns, why));
		assert_int_equal(wait_ns, 0);
		user_put(u);
	}
	struct user *u = get(ALICE);
	assert_false(rates_lease(u, now_ns + 18 * NS_A_SECOND, &wait_ns, why));
	assert_non_null(strstr(why, "try again in 12 s"));
	user_put(u);
	now_ns += 27 * NS_A_SECOND;
	u = get(ALICE);
	assert_false(rates_lease(u, now_ns, &wait_ns, why));
	now_ns += 3 * NS_A_SECOND;
	assert_true(rates_lease(u, now_ns, &wait_ns, why));
	user_put(u);
}

/* However many users take turns, of whom the class may have two at once. */
static void a_class_asks_for_no_more_than_the_users_it_may_have(void **state)
{
	(void)state;
	limits.requests_per_second = 3;
	uint64_t granted = 0;
	for (uid_t uid = 5000; uid < 10000; uid++) {
		struct user *u = get(uid);
		granted += rates_request(u, now_ns);
		user_put(u);
	}
	assert_int_equal(granted, 6);
}

/* By messages of pumps' that cost one each. */
static uint64_t messages(struct user *u)
{
	uint64_t n = 0;
	for (; rates_link_wait(u, now_ns) == 0; n++)
		rates_link(u, 1, now_ns);
	return n;
}

static void what_pumps_ask_for_follows_from_requests(void **state)
{
	(void)state;
	struct user *u = get(ALICE);
	assert_int_equal(messages(u), 80000); /* a quarter of 32 for each request */
	now_ns += NS_A_SECOND / 10;
	assert_in_range(messages(u), 31999, 32001);
	assert_true(rates_request(u, now_ns)); /* which are counted apart */
	limits.requests_per_second = 1;
	user_put(u);
	account_done();
	u = get(ALICE);
	assert_int_equal(messages(u), 4096);
	now_ns += NS_A_SECOND;
	assert_in_range(messages(u), 4095, 4097);
	user_put(u);
}

/* What is dearer than all that is left is waited for afterwards, by nobody else. */
static void a_dear_message_is_its_users_to_wait_for(void **state)
{
	(void)state;
	limits.requests_per_second = 1;
	struct user *u = get(ALICE), *bob = get(BOB);
	messages(u);
	now_ns += NS_A_SECOND / 1000;
	assert_int_equal(rates_link_wait(u, now_ns), 0);
	rates_link(u, UINT64_MAX, now_ns);
	uint64_t wait_ns = rates_link_wait(u, now_ns);
	assert_in_range(wait_ns, 3900 * NS_A_MS, 4000 * NS_A_MS); /* 16384 of 4096 a second */
	assert_int_equal(messages(bob), 4096);
	now_ns += wait_ns;
	assert_int_equal(messages(u), 1);
	user_put(u);
	user_put(bob);
}

static void without_a_limit_there_is_none(void **state)
{
	(void)state;
	limits.requests_per_second = UINT64_MAX;
	limits.connections_per_second = UINT32_MAX;
	limits.leases_per_minute = UINT64_MAX;
	uint64_t wait_ns;
	struct user *u = get(ALICE);
	for (int i = 0; i < 100000; i++) {
		assert_true(rates_connection(u, now_ns, why));
		assert_true(rates_lease(u, now_ns, &wait_ns, why));
		assert_int_equal(wait_ns, 0);
		rates_link(u, RATES_LINK_MOST, now_ns);
		assert_int_equal(rates_link_wait(u, now_ns), 0);
	}
	user_put(u);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(a_burst_is_a_small_part_of_what_the_rate_allows),
		CASE(the_burst_of_a_low_rate_is_all_of_it),
		CASE(of_nothing_there_is_none),
		CASE(the_pace_is_steady),
		CASE(a_pause_of_a_pump_loses_nothing),
		CASE(the_rate_is_the_users_however_often_it_connects),
		CASE(the_rate_outlives_the_users_last_connection),
		CASE(connections_have_a_rate_that_is_told_and_outlives_users),
		CASE(leases_are_waited_for_a_little_and_then_refused),
		CASE(leases_have_a_rate_that_outlives_users),
		CASE(a_class_asks_for_no_more_than_the_users_it_may_have),
		CASE(what_pumps_ask_for_follows_from_requests),
		CASE(a_dear_message_is_its_users_to_wait_for),
		CASE(without_a_limit_there_is_none),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
