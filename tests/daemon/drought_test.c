/* SPDX-License-Identifier: MIT */
/* How many receives a queue arms that ran dry. The kernel is one that has so many buffers. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "daemon/backend/drought.h"

enum {
	FLOWS = 1000,
	TURN_NS = 10000
};

struct world {
	struct drought d;
	uint64_t now_ns;
	uint32_t waiting; /* flows that have data to receive */
	uint32_t buffers;
	uint32_t armed; /* receives that were armed, of all turns together */
};

/* Each receive takes one buffer, and goes on to wait for another, or ends. */
static void turn(struct world *w)
{
	uint32_t n = drought_arms(&w->d, w->now_ns += TURN_NS);
	n = n < w->waiting ? n : w->waiting;
	w->armed += n;
	w->d.armed |= n > 0;
	if (n > w->buffers)
		drought_begins(&w->d, w->now_ns);
	w->waiting -= n < w->buffers ? n : w->buffers;
	w->buffers -= n < w->buffers ? n : w->buffers;
}

static void give_back(struct world *w, uint32_t n)
{
	w->buffers += n;
	w->d.given += n;
	drought_ends(&w->d);
}

static void all_are_armed_until_one_runs_dry(void **state)
{
	struct world w = {.waiting = FLOWS, .buffers = FLOWS};
	(void)state;
	turn(&w);
	assert_int_equal(w.armed, FLOWS);
}

static void one_buffer_does_not_cost_an_attempt_of_each_flow(void **state)
{
	struct world w = {.waiting = FLOWS};
	(void)state;
	turn(&w);
	w.armed = 0;
	for (int i = 0; i < 100; i++) {
		give_back(&w, 1);
		for (int j = 0; j < 10; j++)
			turn(&w);
	}
	assert_int_equal(w.waiting, FLOWS - 100);
	assert_true(w.armed >= 100 && w.armed <= 3 * 100);
}

static void where_there_are_more_buffers_all_are_armed_soon(void **state)
{
	struct world w = {.waiting = FLOWS};
	(void)state;
	turn(&w);
	give_back(&w, 1);
	w.buffers = FLOWS; /* the rest came free without the client */
	for (int i = 0; i < 10; i++)
		turn(&w);
	assert_int_equal(w.waiting, 0);
}

static void one_is_tried_now_and_then_meanwhile(void **state)
{
	struct world w = {.waiting = FLOWS};
	(void)state;
	turn(&w);
	w.armed = 0;
	for (int i = 0; i < 100000; i++) /* a second */
		turn(&w);
	assert_true(w.armed > 200 && w.armed < 300);
}

/* Of a receive that ended before buffers came back it is told after that. */
static void what_is_told_late_is_no_new_drought(void **state)
{
	struct world w = {.waiting = FLOWS};
	(void)state;
	turn(&w);
	give_back(&w, 5);
	drought_begins(&w.d, w.now_ns);
	assert_false(w.d.on);
	w.armed = 0;
	turn(&w);
	assert_int_equal(w.armed, 5);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(all_are_armed_until_one_runs_dry),
		cmocka_unit_test(one_buffer_does_not_cost_an_attempt_of_each_flow),
		cmocka_unit_test(where_there_are_more_buffers_all_are_armed_soon),
		cmocka_unit_test(one_is_tried_now_and_then_meanwhile),
		cmocka_unit_test(what_is_told_late_is_no_new_drought),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
