/* SPDX-License-Identifier: MIT */
/* How long a pump waits, given traffic of a shape. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "daemon/pump/pace.h"

#define BUFFER 4096ull
#define TURNS  1000

/* Turns of 100 us that bring so many completions every so often; the last wait. */
static uint32_t after(struct pace *p, uint32_t completions, uint32_t every_us)
{
	static uint64_t now_ns = 1000000000;
	uint32_t wait_us = 0;
	for (int i = 0; i < TURNS; i++) {
		now_ns += every_us * 1000ull;
		wait_us = pace_next(p, now_ns - 100000, now_ns, completions, completions * BUFFER);
	}
	return wait_us;
}

static void thin_traffic_is_not_held_up(void **state)
{
	struct pace p;
	(void)state;
	pace_init(&p, 4096, 4096, 1000);
	assert_int_equal(after(&p, 1, 500), 0);
	assert_int_equal(after(&p, 10, 10000), 0);
}

static void a_dense_stream_gathers_for_as_long_as_is_allowed(void **state)
{
	struct pace p;
	(void)state;
	pace_init(&p, 4096, 4096, 200);
	assert_int_equal(after(&p, 40, 500), 200);
	pace_init(&p, 4096, 4096, 300);
	assert_int_equal(after(&p, 40, 500), 300);
}

static void no_longer_than_some_turns_take(void **state)
{
	struct pace p;
	(void)state;
	pace_init(&p, 4096, 4096, 1000);
	assert_int_equal(after(&p, 40, 500), 400);
}

static void no_longer_than_a_batch_takes(void **state)
{
	struct pace p;
	(void)state;
	pace_init(&p, 4096, 4096, 1000);
	assert_int_equal(after(&p, 50, 200), 256); /* a completion in four microseconds */
	pace_init(&p, 128, 4096, 1000);
	assert_int_equal(after(&p, 25, 100), 128); /* a quarter of its buffers */
}

static void full_batches_are_not_waited_for(void **state)
{
	struct pace p;
	(void)state;
	pace_init(&p, 4096, 4096, 1000);
	assert_int_equal(after(&p, 64, 200), 0);
}

static void a_wait_shrinks_when_traffic_grows(void **state)
{
	struct pace p;
	(void)state;
	pace_init(&p, 4096, 4096, 1000);
	assert_int_equal(after(&p, 50, 200), 256);
	assert_int_equal(after(&p, 64, 128), 128);
}

static void who_has_few_buffers_never_waits(void **state)
{
	struct pace p;
	(void)state;
	pace_init(&p, 16, 4096, 1000);
	assert_int_equal(after(&p, 3, 110), 0);
}

/* The peer waits for an answer: what was waited for does not come. */
static void waiting_in_vain_stops_for_ever_longer(void **state)
{
	struct pace p;
	uint64_t now_ns = 5000000000, waits = 0;
	(void)state;
	pace_init(&p, 4096, 4096, 200);
	for (int i = 0; i < 100000; i++) {
		uint32_t wait_us = pace_next(&p, now_ns - 10000, now_ns, 0, 0);
		waits += wait_us > 0;
		now_ns += wait_us * 1000ull;
		if (wait_us)
			continue;
		now_ns += 100000;
		wait_us = pace_next(&p, now_ns - 100000, now_ns, 16, 16 * BUFFER);
		waits += wait_us > 0;
		now_ns += wait_us * 1000ull;
	}
	/* Ten seconds of it: at first after 10 ms, then after 20, in the end each second. */
	assert_in_range(waits, 5, 40);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(thin_traffic_is_not_held_up),
		cmocka_unit_test(a_dense_stream_gathers_for_as_long_as_is_allowed),
		cmocka_unit_test(no_longer_than_some_turns_take),
		cmocka_unit_test(no_longer_than_a_batch_takes),
		cmocka_unit_test(full_batches_are_not_waited_for),
		cmocka_unit_test(a_wait_shrinks_when_traffic_grows),
		cmocka_unit_test(who_has_few_buffers_never_waits),
		cmocka_unit_test(waiting_in_vain_stops_for_ever_longer),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
