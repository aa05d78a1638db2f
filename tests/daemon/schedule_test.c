/* SPDX-License-Identifier: MIT */
/* When a queue takes its next turn. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "daemon/pump/schedule.h"

#define SECOND_NS 1000000000ull
#define PACE_US   200ull

static const struct pace_limits limits = {.buffers = 4096,
					  .buffer_bytes = 4096,
					  .cq_entries = 4096,
					  .most_us = PACE_US};

static struct schedule idle(void)
{
	struct schedule s;
	schedule_init(&s, &limits);
	schedule_begin(&s, SECOND_NS);
	schedule_rest(&s);
	return s;
}

/* A turn at this time that the client asked for, or not. */
static bool turn(struct schedule *s, uint64_t now_ns, bool found)
{
	schedule_begin(s, now_ns);
	bool in_vain = schedule_count(s, &(struct schedule_turn){.brought = {.began_ns = now_ns,
									     .now_ns = now_ns},
								 .found = found});
	schedule_rest(s);
	return in_vain;
}

static void a_new_queue_has_its_turn_at_once(void **state)
{
	struct schedule s;
	(void)state;
	schedule_init(&s, &limits);
	assert_int_equal(schedule_when(&s), 0);
}

static void a_queue_without_work_has_no_turn(void **state)
{
	struct schedule s = idle();
	(void)state;
	assert_true(schedule_when(&s) == SCHEDULE_NEVER);
	schedule_now(&s);
	assert_int_equal(schedule_when(&s), 0);
}

static void of_several_times_the_first_counts(void **state)
{
	struct schedule s = idle();
	(void)state;
	schedule_by(&s, 30);
	schedule_by(&s, 10);
	schedule_by(&s, 20);
	assert_int_equal(schedule_when(&s), 10);
	schedule_now(&s);
	assert_int_equal(schedule_when(&s), 0);
	schedule_begin(&s, SECOND_NS);
	schedule_rest(&s);
	assert_true(schedule_when(&s) == SCHEDULE_NEVER);
}

static void sockets_are_nudged_whatever_else_happens(void **state)
{
	struct schedule s = idle();
	(void)state;
	s.nudge_ns = 50;
	assert_true(schedule_when(&s) == SCHEDULE_NEVER); /* it is said during a turn */
	schedule_begin(&s, SECOND_NS);
	schedule_rest(&s);
	assert_int_equal(schedule_when(&s), 50);
	schedule_look(&s, SECOND_NS);
	assert_int_equal(schedule_when(&s), 50);
	schedule_stop(&s);
	assert_true(schedule_when(&s) == SCHEDULE_NEVER);
}

static void looks_become_rarer_until_data_comes(void **state)
{
	struct schedule s = idle();
	uint64_t now = SECOND_NS, step = SCHEDULE_LOOK_FIRST_NS;
	(void)state;
	for (int i = 0; i < 20; i++) {
		schedule_look(&s, now);
		assert_int_equal(schedule_when(&s), now + step);
		now = schedule_when(&s);
		turn(&s, now, false);
		step = step < SCHEDULE_LOOK_MAX_NS ? step * 2 : step;
	}
	assert_int_equal(step, SCHEDULE_LOOK_MAX_NS);
	schedule_begin(&s, SECOND_NS);
	schedule_count(&s, &(struct schedule_turn){.brought = {.began_ns = now,
							       .now_ns = now,
							       .bytes = 1,
							       .completions = 1},
						   .found = true});
	schedule_rest(&s);
	schedule_look(&s, now);
	assert_int_equal(schedule_when(&s), now + SCHEDULE_LOOK_FIRST_NS);
}

static void who_asks_in_vain_has_the_next_turn_later(void **state)
{
	struct schedule s = idle();
	uint64_t now = SECOND_NS;
	(void)state;
	schedule_ask(&s, now);
	assert_int_equal(schedule_when(&s), 0);
	assert_true(turn(&s, now, false));
	for (uint64_t delay = BACKOFF_FIRST_NS; delay < 8 * BACKOFF_FIRST_NS; delay *= 2) {
		schedule_ask(&s, now);
		assert_int_equal(schedule_when(&s), now + delay);
		now += delay;
		assert_true(turn(&s, now, false));
	}
	/* A turn for another reason is not in vain for the client, and answers it as well. */
	assert_false(turn(&s, now, false));
	schedule_ask(&s, now);
	schedule_now(&s);
	assert_int_equal(schedule_when(&s), 0);
	assert_false(turn(&s, now, true));
	schedule_ask(&s, now);
	assert_int_equal(schedule_when(&s), 0);
}

/* Turns of 100 us, 500 us apart, that bring 40 completions of 4 KiB each. */
static uint64_t dense(struct schedule *s)
{
	uint64_t now = SECOND_NS;
	for (int i = 0; i < 100; i++) {
		now += 500000;
		schedule_begin(s, now);
		schedule_count(s, &(struct schedule_turn){.brought = {.began_ns = now - 100000,
								      .now_ns = now,
								      .bytes = 40ull * 4096,
								      .completions = 40},
							  .found = true});
	}
	return now;
}

static void dense_traffic_gathers_and_thin_traffic_does_not(void **state)
{
	struct schedule s = idle();
	(void)state;
	schedule_begin(&s, SECOND_NS);
	assert_false(schedule_gather(&s, SECOND_NS));
	assert_int_equal(schedule_when(&s), 0);
	uint64_t now = dense(&s);
	assert_true(schedule_gather(&s, now));
	assert_int_equal(schedule_when(&s), now + PACE_US * 1000);
	schedule_until(&s, now + PACE_US * 500);
	schedule_until(&s, now + PACE_US * 700);
	assert_int_equal(schedule_when(&s), now + PACE_US * 500);
	schedule_ask(&s, now); /* the client does not end the wait */
	assert_int_equal(schedule_when(&s), now + PACE_US * 500);
	schedule_begin(&s, now + PACE_US * 500);
	assert_int_equal(schedule_when(&s), 0);
	assert_true(s.ran_out);
}

static void a_wait_ends_when_there_is_work(void **state)
{
	struct schedule s = idle();
	uint64_t now = dense(&s);
	(void)state;
	assert_true(schedule_gather(&s, now));
	schedule_now(&s);
	assert_int_equal(schedule_when(&s), 0);
	schedule_begin(&s, now + PACE_US * 2000);
	assert_false(s.ran_out);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_new_queue_has_its_turn_at_once),
		cmocka_unit_test(a_queue_without_work_has_no_turn),
		cmocka_unit_test(of_several_times_the_first_counts),
		cmocka_unit_test(sockets_are_nudged_whatever_else_happens),
		cmocka_unit_test(looks_become_rarer_until_data_comes),
		cmocka_unit_test(who_asks_in_vain_has_the_next_turn_later),
		cmocka_unit_test(dense_traffic_gathers_and_thin_traffic_does_not),
		cmocka_unit_test(a_wait_ends_when_there_is_work),
	};
	return cmocka_run_group_tests_name("schedule", tests, NULL, NULL);
}
