/* SPDX-License-Identifier: MIT */
/* Who is charged how much, and until when. */
#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "daemon/grant/account.h"
#include "daemon/grant/rates.h"

enum {
	ALICE = 1000,
	BOB = 1001,
	LIMIT = 10,
	BYTES_LIMIT = 1000,
	IDLE_USERS = 1024 /* are remembered */
};

static const struct limits limits = {
	.most = {[ACCOUNT_SESSIONS] = LIMIT,
		 [ACCOUNT_QUEUES] = LIMIT,
		 [ACCOUNT_AREAS] = LIMIT,
		 [ACCOUNT_BYTES] = BYTES_LIMIT,
		 [ACCOUNT_FLOWS] = LIMIT,
		 [ACCOUNT_LISTENERS] = LIMIT},
	.requests_per_second = 3,
	.connections_per_second = 2,
	.leases_per_minute = 2,
	.most_users = 2,
};

static uint64_t now_ns = 1;

static int teardown(void **state)
{
	(void)state;
	account_done();
	return 0;
}

static int try_get(struct user **ret, const char *pool, uid_t uid)
{
	return user_get(ret, pool, &limits, uid, now_ns, NULL);
}

static struct user *get_of(const char *pool, uid_t uid)
{
	struct user *u = NULL;
	assert_int_equal(try_get(&u, pool, uid), 0);
	assert_non_null(u);
	return u;
}

static struct user *get(uid_t uid)
{
	return get_of("class", uid);
}

/* One of a class of many, whose rate is remembered when it has gone. */
static struct user *asked(const char *pool, uid_t uid)
{
	struct limits wide = limits;
	struct user *u = NULL;
	wide.most_users = 2 * IDLE_USERS;
	assert_int_equal(user_get(&u, pool, &wide, uid, now_ns, NULL), 0);
	assert_true(rates_request(u, now_ns));
	return u;
}

/* Each its whole share, beside the other's. */
static void have_all_at_once(struct user *one, struct user *two)
{
	assert_int_equal(account_charge(one, ACCOUNT_FLOWS, LIMIT, NULL), 0);
	assert_int_equal(account_charge(two, ACCOUNT_FLOWS, LIMIT, NULL), 0);
	account_release(one, ACCOUNT_FLOWS, LIMIT);
	account_release(two, ACCOUNT_FLOWS, LIMIT);
	user_put(one);
	user_put(two);
}

static void charges_up_to_the_limit_and_not_beyond(void **state)
{
	(void)state;
	struct user *p = get(ALICE);
	for (int kind = 0; kind < ACCOUNT_KINDS; kind++) {
		uint64_t most = account_most(&limits, kind);
		assert_int_equal(account_charge(p, kind, most + 1, NULL), -EDQUOT);
		assert_int_equal(account_charge(p, kind, UINT64_MAX, NULL), -EDQUOT);
		assert_int_equal(account_charge(p, kind, most - 1, NULL), 0);
		assert_int_equal(account_charge(p, kind, 2, NULL), -EDQUOT);
		assert_int_equal(account_charge(p, kind, 1, NULL), 0);
		assert_int_equal(account_charge(p, kind, 1, NULL), -EDQUOT);
		assert_int_equal(account_charge(p, kind, 0, NULL), 0);
		account_release(p, kind, most);
	}
	user_put(p);
}

static void a_user_is_one_however_often_it_connects(void **state)
{
	(void)state;
	struct user *one = get(ALICE), *two = get(ALICE);
	assert_ptr_equal(one, two);
	assert_int_equal(account_charge(one, ACCOUNT_QUEUES, LIMIT, NULL), 0);
	user_put(one);
	assert_int_equal(account_charge(two, ACCOUNT_QUEUES, 1, NULL), -EDQUOT);
	account_release(two, ACCOUNT_QUEUES, LIMIT);
	user_put(two);
}

static void files_are_limited_by_areas_and_queues(void **state)
{
	(void)state;
	struct limits l = limits;
	assert_int_equal(account_most(&l, ACCOUNT_FILES), 2 * (LIMIT + 3 * LIMIT));
	l.most[ACCOUNT_QUEUES] = UINT64_MAX / 2;
	assert_int_equal(account_most(&l, ACCOUNT_FILES), UINT64_MAX);
	l.most[ACCOUNT_QUEUES] = UINT64_MAX / 4;
	assert_int_equal(account_most(&l, ACCOUNT_FILES), UINT64_MAX);
}

static void users_do_not_share(void **state)
{
	(void)state;
	struct user *alice = get(ALICE), *bob = get(BOB);
	have_all_at_once(alice, bob);
}

static void classes_do_not_share(void **state)
{
	(void)state;
	struct user *one = get_of("one", ALICE), *two = get_of("two", ALICE);
	uint64_t used[ACCOUNT_KINDS];
	assert_ptr_not_equal(one, two);
	assert_int_equal(account_charge(one, ACCOUNT_QUEUES, LIMIT, NULL), 0);
	assert_int_equal(account_charge(one, ACCOUNT_QUEUES, 1, NULL), -EDQUOT);
	assert_int_equal(account_charge(two, ACCOUNT_QUEUES, LIMIT - 1, NULL), 0);
	assert_int_equal(account_used("one", used), 1);
	assert_int_equal(used[ACCOUNT_QUEUES], LIMIT);
	assert_int_equal(account_used("two", used), 1);
	assert_int_equal(used[ACCOUNT_QUEUES], LIMIT - 1);
	assert_int_equal(account_used("three", used), 0);
	assert_int_equal(used[ACCOUNT_QUEUES], 0);
	account_release(one, ACCOUNT_QUEUES, LIMIT);
	account_release(two, ACCOUNT_QUEUES, LIMIT - 1);
	user_put(one);
	user_put(two);
}

static void a_class_has_no_more_users_than_it_may(void **state)
{
	(void)state;
	struct user *alice = get(ALICE), *bob = get(BOB), *other;
	assert_int_equal(try_get(&other, "class", BOB + 1), -EDQUOT);
	assert_int_equal(try_get(&other, "another", BOB + 1), 0);
	user_put(other);
	user_ref(bob); /* memory that somebody still has */
	user_put(bob);
	assert_int_equal(try_get(&other, "class", BOB + 1), -EDQUOT);
	user_put(bob);
	assert_int_equal(try_get(&other, "class", BOB + 1), 0);
	user_put(other);
	user_put(alice);
}

/* The class was given fewer users before zcrxd was started again. */
static void users_of_the_broker_before_stay(void **state)
{
	(void)state;
	struct user *alice = get(ALICE), *bob = get(BOB), *third, *fourth;
	assert_int_equal(user_again(&third, "class", &limits, BOB + 1, now_ns), 0);
	assert_int_equal(try_get(&fourth, "class", BOB + 2), -EDQUOT);
	user_put(third);
	user_put(bob);
	user_put(alice);
}

static const struct limits *lower(const char *pool, void *data)
{
	assert_string_equal(pool, "class");
	return data;
}

static void lower_limits_leave_what_is_there(void **state)
{
	(void)state;
	struct user *p = get(ALICE);
	struct limits few = limits;
	few.most[ACCOUNT_FLOWS] = 2;
	few.most[ACCOUNT_BYTES] = 0;
	assert_int_equal(account_charge(p, ACCOUNT_FLOWS, 4, NULL), 0);
	assert_int_equal(account_charge(p, ACCOUNT_BYTES, 4, NULL), 0);
	account_limits(lower, &few);
	assert_int_equal(account_charge(p, ACCOUNT_FLOWS, 1, NULL), -EDQUOT);
	assert_int_equal(account_charge(p, ACCOUNT_BYTES, 1, NULL), -EDQUOT);
	assert_int_equal(account_charge(p, ACCOUNT_BYTES, 0, NULL), 0);
	account_release(p, ACCOUNT_FLOWS, 3);
	assert_int_equal(account_charge(p, ACCOUNT_FLOWS, 1, NULL), 0);
	assert_int_equal(account_charge(p, ACCOUNT_FLOWS, 1, NULL), -EDQUOT);
	account_release(p, ACCOUNT_FLOWS, 2);
	account_release(p, ACCOUNT_BYTES, 4);
	user_put(p);
}

static void *charge_and_release(void *peer)
{
	for (int i = 0; i < 20000; i++)
		if (account_charge(peer, ACCOUNT_FLOWS, 3, NULL) == 0)
			account_release(peer, ACCOUNT_FLOWS, 3);
	return NULL;
}

/* The class's name is as long as can be. */
static void a_refusal_says_what_is_to_be_changed(void **state)
{
	(void)state;
	static const char name[] = "a123456789b123456789c123456789d";
	static const char *const keys[ACCOUNT_KINDS] = {"sessions=",        "queues=", "areas=",
							"area-bytes=",      "flows=",  "listeners=",
							"areas= or queues="};
	char why[LIMITS_SAID_BYTES], numbers[96], place[96];
	struct user *u;
	const uint64_t tib = 1ull << 40;
	struct limits wide = limits;
	for (int kind = 0; kind < ACCOUNT_FILES; kind++)
		wide.most[kind] = kind == ACCOUNT_BYTES ? tib : LIMIT;
	assert_int_equal(user_get(&u, name, &wide, ALICE, now_ns, NULL), 0);
	for (int kind = 0; kind < ACCOUNT_KINDS; kind++) {
		uint64_t most = account_most(&wide, kind), used = most - 1, more = most;
		assert_int_equal(account_charge(u, kind, used, why), 0);
		assert_int_equal(account_charge(u, kind, more, why), -EDQUOT);
		snprintf(numbers, sizeof(numbers), "may have %llu ", (unsigned long long)most);
		assert_non_null(strstr(why, numbers));
		snprintf(numbers, sizeof(numbers), "has %llu and asked for %llu more. ",
			 (unsigned long long)used, (unsigned long long)more);
		assert_non_null(strstr(why, numbers));
		snprintf(place, sizeof(place), "have %s of [class %s] in zcrxd.conf raised.",
			 keys[kind], name);
		assert_string_equal(why + strlen(why) - strlen(place), place);
		account_release(u, kind, used);
	}
	user_put(u);
}

static void hardware_queues_are_limited_by_queues(void **state)
{
	(void)state;
	struct user *u = get(ALICE);
	assert_int_equal(account_charge(u, ACCOUNT_QUEUES, LIMIT, NULL), 0);
	assert_int_equal(account_hardware(u, LIMIT + 1, NULL), -EDQUOT);
	assert_int_equal(account_hardware(u, LIMIT - 1, NULL), 0);
	assert_int_equal(account_hardware(u, 2, NULL), -EDQUOT);
	assert_int_equal(account_hardware(u, 1, NULL), 0);
	account_hardware_take(u, 3);
	account_hardware_release(u, LIMIT);
	assert_int_equal(account_hardware(u, LIMIT - 3, NULL), 0);
	assert_int_equal(account_hardware(u, 1, NULL), -EDQUOT);
	account_hardware_release(u, LIMIT);
	account_release(u, ACCOUNT_QUEUES, LIMIT);
	user_put(u);
}

static void threads_may_charge_at_once(void **state)
{
	(void)state;
	struct user *one = get(ALICE), *two = get(ALICE);
	pthread_t threads[6];
	for (size_t i = 0; i < 6; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, charge_and_release,
						i % 2 ? one : two),
				 0);
	for (size_t i = 0; i < 6; i++)
		pthread_join(threads[i], NULL);
	assert_int_equal(account_charge(one, ACCOUNT_FLOWS, LIMIT, NULL), 0);
	account_release(one, ACCOUNT_FLOWS, LIMIT);
	user_put(one);
	user_put(two);
}

/* The one that makes room for it may be the last one of its own class: the class stays. */
static void whoever_makes_room_does_not_take_the_class_along(void **state)
{
	(void)state;
	user_put(asked("small", ALICE));
	for (uid_t uid = 0; uid < IDLE_USERS - 1; uid++)
		user_put(asked("large", uid));
	struct user *late = asked("small", BOB);
	uint64_t used[ACCOUNT_KINDS];
	assert_int_equal(account_used("small", used), 1);
	user_put(late);
}

#define CASE(name) cmocka_unit_test_teardown(name, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(charges_up_to_the_limit_and_not_beyond),
		CASE(a_user_is_one_however_often_it_connects),
		CASE(files_are_limited_by_areas_and_queues),
		CASE(users_do_not_share),
		CASE(classes_do_not_share),
		CASE(a_class_has_no_more_users_than_it_may),
		CASE(users_of_the_broker_before_stay),
		CASE(lower_limits_leave_what_is_there),
		CASE(whoever_makes_room_does_not_take_the_class_along),
		CASE(a_refusal_says_what_is_to_be_changed),
		CASE(hardware_queues_are_limited_by_queues),
		CASE(threads_may_charge_at_once),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
