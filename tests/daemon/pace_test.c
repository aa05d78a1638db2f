/* SPDX-License-Identifier: MIT */
/* How long a pump waits, given traffic of a shape. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "daemon/pump/pace.h"

#define BUFFER 4096ull
#define TURNS  400

static void start(struct pace *p, uint32_t buffers, uint32_t most_us)
{
	pace_init(p, &(struct pace_limits){.buffers = buffers,
					   .buffer_bytes = BUFFER,
					   .cq_entries = 4096,
					   .most_us = most_us});
}

static uint32_t next(struct pace *p, uint64_t began_ns, uint64_t now_ns, uint32_t completions,
		     bool ran_out)
{
	return pace_next(p, &(struct pace_turn){.began_ns = began_ns,
						.now_ns = now_ns,
						.bytes = completions * BUFFER,
						.completions = completions,
						.ran_out = ran_out});
}

/* Turns of 100 us that bring so many completions every so often; the last wait. */
static uint32_t after(struct pace *p, uint32_t completions, uint32_t every_us)
{
	static uint64_t now_ns = 1000000000;
	uint32_t wait_us = 0;
	for (int i = 0; i < TURNS; i++) {
		now_ns += every_us * 1000ull;
		wait_us = next(p, now_ns - 100000, now_ns, completions, true);
	}
	return wait_us;
}

static void thin_traffic_is_not_held_up(void **state)
{
	struct pace p;
	(void)state;
	start(&p, 4096, 1000);
	assert_int_equal(after(&p, 1, 500), 0);
	assert_int_equal(after(&p, 10, 10000), 0);
}

static void a_dense_stream_gathers_for_as_long_as_is_allowed(void **state)
{
	struct pace p;
	(void)state;
	start(&p, 4096, 200);
	assert_int_equal(after(&p, 40, 500), 200);
	start(&p, 4096, 300);
	assert_int_equal(after(&p, 40, 500), 300);
}

static void no_longer_than_some_turns_take(void **state)
{
	struct pace p;
	(void)state;
	start(&p, 4096, 9000);
	assert_int_equal(after(&p, 40, 500), 6400);
}

static void no_longer_than_two_batches_take(void **state)
{
	struct pace p;
	(void)state;
	start(&p, 4096, 4000);
	assert_int_equal(after(&p, 50, 200), 2 * 1024); /* a completion in four microseconds */
	start(&p, 128, 4000);
	assert_int_equal(after(&p, 25, 100), 2 * 128); /* a quarter of its buffers */
}

static void full_batches_are_not_waited_for(void **state)
{
	struct pace p;
	(void)state;
	start(&p, 4096, 1000);
	assert_int_equal(after(&p, 256, 200), 0);
}

static void a_wait_shrinks_when_traffic_grows(void **state)
{
	struct pace p;
	(void)state;
	start(&p, 4096, 4000);
	assert_int_equal(after(&p, 50, 200), 2 * 1024);
	assert_int_equal(after(&p, 256, 512), 2 * 512);
}

static void who_has_few_buffers_never_waits(void **state)
{
	struct pace p;
	(void)state;
	start(&p, 16, 1000);
	assert_int_equal(after(&p, 3, 110), 0);
}

/*
 * Ten seconds of a peer that sends 16 buffers and waits for an answer: how many waits there are.
 * What the wait is for does not come; ran_out says whether its time ended it, or another flow.
 */
static uint64_t waits_for_who_waits(bool ran_out)
{
	struct pace p;
	uint64_t now_ns = 5000000000, waits = 0;
	start(&p, 4096, 200);
	for (int i = 0; i < 100000; i++) {
		uint32_t wait_us = next(&p, now_ns - 10000, now_ns, 0, ran_out);
		waits += wait_us > 0;
		now_ns += wait_us * 1000ull;
		if (wait_us)
			continue;
		now_ns += 100000;
		wait_us = next(&p, now_ns - 100000, now_ns, 16, ran_out);
		waits += wait_us > 0;
		now_ns += wait_us * 1000ull;
	}
	return waits;
}

static void waiting_in_vain_stops_for_ever_longer(void **state)
{
	(void)state;
	/* At first after 10 ms, then after 20, in the end each second. */
	assert_in_range(waits_for_who_waits(true), 5, 40);
}

/* Each request is there 50 us after the answer to the one before, so that a wait brings just one.
 */
static void who_asks_and_waits_is_not_held_up(void **state)
{
	struct pace p;
	uint64_t now_ns = 5000000000, end_ns = now_ns + 10000000000, waits = 0;
	uint32_t wait_us = 0;
	(void)state;
	start(&p, 16384, 4000);
	while (now_ns < end_ns) {
		bool waited = wait_us > 0;
		waits += waited;
		now_ns += waited ? wait_us * 1000ull : 50000;
		wait_us = pace_next(&p, &(struct pace_turn){.began_ns = now_ns,
							    .now_ns = now_ns + 10000,
							    .bytes = 8192,
							    .completions = 6,
							    .ran_out = waited});
		now_ns += 10000;
	}
	assert_in_range(waits, 1, 40);
}

/* Ten seconds of 16 peers each of which asks by a buffer and waits for the answer: the share of
 * time in waits, in percent. All answers go out together, and 50 us later all next requests are
 * there. */
static void many_who_ask_and_wait_are_not_held_up(void **state)
{
	struct pace p;
	uint64_t now_ns = 5000000000, end_ns = now_ns + 10000000000, turns = 0;
	uint32_t wait_us = 0;
	(void)state;
	start(&p, 16384, 4000);
	for (; now_ns < end_ns; turns++) {
		now_ns += wait_us > 50 ? wait_us * 1000ull : 50000;
		wait_us = next(&p, now_ns, now_ns + 10000, 16, wait_us > 0);
		now_ns += 10000;
	}
	/* With no wait at all there were 166666. */
	assert_in_range(turns, 150000, 166667);
}

/* Ten seconds of a stream that brings a buffer in 5 us, waits or not, but for a pause of 10 ms in
 * each 100: it is gathered nearly all the time. */
static void a_stream_with_pauses_is_gathered_all_the_same(void **state)
{
	struct pace p;
	uint64_t now_ns = 5000000000, end_ns = now_ns + 10000000000, paused_ns = now_ns;
	uint64_t turns = 0, waits = 0;
	uint32_t wait_us = 0;
	(void)state;
	start(&p, 16384, 400);
	while (now_ns < end_ns) {
		uint64_t since_ns = now_ns;
		now_ns += wait_us > 20 ? wait_us * 1000ull : 20000;
		uint32_t n = (uint32_t)((now_ns - since_ns) / 5000);
		if (now_ns - paused_ns > 100000000)
			paused_ns = now_ns += 10000000;
		turns++;
		waits += wait_us > 0;
		wait_us = next(&p, now_ns, now_ns + 10000, n, wait_us > 0);
		now_ns += 10000;
	}
	/* With a wait before each there were 24000, with none 300000. */
	assert_in_range(turns, 20000, 30000);
	assert_in_range(waits, turns * 8 / 10, turns);
}

static void another_flow_that_ends_a_wait_is_no_disappointment(void **state)
{
	(void)state;
	assert_in_range(waits_for_who_waits(false), 20000, 200000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(thin_traffic_is_not_held_up),
		cmocka_unit_test(a_dense_stream_gathers_for_as_long_as_is_allowed),
		cmocka_unit_test(no_longer_than_some_turns_take),
		cmocka_unit_test(no_longer_than_two_batches_take),
		cmocka_unit_test(full_batches_are_not_waited_for),
		cmocka_unit_test(a_wait_shrinks_when_traffic_grows),
		cmocka_unit_test(who_has_few_buffers_never_waits),
		cmocka_unit_test(waiting_in_vain_stops_for_ever_longer),
		cmocka_unit_test(who_asks_and_waits_is_not_held_up),
		cmocka_unit_test(many_who_ask_and_wait_are_not_held_up),
		cmocka_unit_test(a_stream_with_pauses_is_gathered_all_the_same),
		cmocka_unit_test(another_flow_that_ends_a_wait_is_no_disappointment),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
