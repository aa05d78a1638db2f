/* SPDX-License-Identifier: MIT */
/* Which turns a client gets that asks for them, of one kind or another. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "daemon/pump/backoff.h"

#define SECOND_NS 1000000000ull

/*
 * For so long the client asks all the time, and each `of` turns finds something (0: none does).
 * Returns the number of its turns, each of which takes 10 us.
 */
static uint32_t asks_all_the_time(struct backoff *b, uint64_t *now_ns, uint64_t ns, uint32_t of)
{
	uint32_t turns = 0;
	for (uint64_t until = *now_ns + ns; *now_ns < until; *now_ns += 10000)
		if (!backoff_until(b, *now_ns)) {
			turns++;
			backoff_turn(b, *now_ns + 10000, true, of && turns % of == 0);
		}
	return turns;
}

static void who_gives_something_each_time_always_has_its_turn(void **state)
{
	struct backoff b = {0};
	uint64_t now = SECOND_NS;
	(void)state;
	assert_int_equal(asks_all_the_time(&b, &now, SECOND_NS, 1), SECOND_NS / 10000);
}

static void who_asks_for_nothing_has_few(void **state)
{
	struct backoff b = {0};
	uint64_t now = SECOND_NS;
	(void)state;
	assert_in_range(asks_all_the_time(&b, &now, SECOND_NS, 0), 8, 16);
	assert_in_range(asks_all_the_time(&b, &now, 60 * SECOND_NS, 0), 60, 180);
}

/* Between two of which nothing is found the first delay lies. */
static void who_gives_something_now_and_then_pays_for_the_rest(void **state)
{
	struct backoff b = {0};
	uint64_t now = SECOND_NS;
	(void)state;
	uint64_t most = 2 * SECOND_NS / BACKOFF_FIRST_NS;
	assert_in_range(asks_all_the_time(&b, &now, SECOND_NS, 2), most / 2, most);
}

static void what_comes_from_the_kernel_does_not_count(void **state)
{
	struct backoff b = {0};
	(void)state;
	for (uint64_t now = SECOND_NS; now < 2 * SECOND_NS; now += 10000) {
		backoff_turn(&b, now, false, false);
		assert_int_equal(backoff_until(&b, now), 0);
	}
}

static void something_found_ends_it(void **state)
{
	struct backoff b = {0};
	uint64_t now = SECOND_NS;
	(void)state;
	asks_all_the_time(&b, &now, SECOND_NS, 0);
	assert_true(backoff_until(&b, now) > now || asks_all_the_time(&b, &now, 1, 0) == 1);
	backoff_turn(&b, now, false, false); /* a turn that somebody else had */
	assert_true(backoff_until(&b, now) > now);
	backoff_turn(&b, now, false, true);
	assert_int_equal(backoff_until(&b, now), 0);
	backoff_turn(&b, now, true, false);
	assert_int_equal(backoff_until(&b, now), now + BACKOFF_FIRST_NS);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(who_gives_something_each_time_always_has_its_turn),
		cmocka_unit_test(who_asks_for_nothing_has_few),
		cmocka_unit_test(who_gives_something_now_and_then_pays_for_the_rest),
		cmocka_unit_test(what_comes_from_the_kernel_does_not_count),
		cmocka_unit_test(something_found_ends_it),
	};
	return cmocka_run_group_tests_name("backoff", tests, NULL, NULL);
}
