/* SPDX-License-Identifier: MIT */
/* Whose packets end a wait, over sockets that only note what is done to them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "daemon/pump/gather.h"
#include "daemon/pump/socket.h"

#define FLOWS     40
#define NO_MARK   1u
#define WINDOW    (4u << 20)
#define TURN_NS   1000000ull
#define WAIT_US   2000u
#define GOAL      256u
#define BUFFER    4096u
#define SECOND_NS 1000000000ull

static struct queue q;
static struct flow flows[FLOWS];
static uint32_t marks[FLOWS], window;
static bool silent[FLOWS]; /* in the epoll set */
static unsigned calls;
static uint64_t now;

void loop_rewatch(struct loop *l, int fd, uint32_t events, struct source *source)
{
	(void)l;
	(void)source;
	calls++;
	silent[fd] = !(events & EPOLLIN);
}

uint32_t socket_mark(int sock)
{
	calls++;
	return marks[sock];
}

void socket_set_mark(int sock, uint32_t bytes)
{
	calls++;
	marks[sock] = bytes;
}

uint32_t socket_window(int sock)
{
	(void)sock;
	calls++;
	return window;
}

static int begin(void **state)
{
	(void)state;
	memset(&q, 0, sizeof(q));
	memset(silent, 0, sizeof(silent));
	q.buffer_bytes = BUFFER;
	q.schedule.pace.goal = GOAL;
	q.schedule.pace.wait_us = WAIT_US;
	window = WINDOW;
	now = SECOND_NS;
	gather_init(&q);
	for (int i = 0; i < FLOWS; i++) {
		flows[i] = (struct flow){.queue = &q, .sock = i, .watched = FLOW_WAIT_DATA};
		marks[i] = NO_MARK;
	}
	gather_turn(&q, now);
	gather_begin(&q, now);
	return 0;
}

/* A turn in which the first n flows bring so much each, after a wait that the leader ended or not.
 */
static uint64_t turn(int n, uint64_t bytes, bool rang)
{
	now += TURN_NS;
	q.gather.rang = rang;
	gather_turn(&q, now);
	for (int i = 0; i < n; i++)
		gather_note(&flows[i], bytes);
	return gather_begin(&q, now);
}

static struct flow *leader(void)
{
	struct flow *found = NULL;
	for (int i = 0; i < FLOWS; i++) {
		if (marks[i] == NO_MARK)
			continue;
		assert_null(found);
		found = &flows[i];
	}
	return found;
}

/* Nobody is hushed, nor has another mark than at the beginning. */
static void assert_as_at_first(void)
{
	assert_null(leader());
	for (int i = 0; i < FLOWS; i++)
		assert_false(silent[i]);
}

static void one_stream_wakes_when_its_batch_is_there(void **state)
{
	(void)state;
	turn(1, GOAL * BUFFER, false);
	assert_ptr_equal(leader(), &flows[0]);
	assert_int_equal(marks[0], GOAL * BUFFER);
	assert_false(silent[0]);
}

static void or_half_of_its_window(void **state)
{
	(void)state;
	window = 200000;
	turn(1, GOAL * BUFFER, false);
	assert_int_equal(marks[0], 100000);
}

static void or_half_of_what_came_when_time_ended_the_wait(void **state)
{
	(void)state;
	q.schedule.ran_out = true;
	turn(1, 100000, false);
	assert_int_equal(marks[0], 50000);
	q.schedule.ran_out = false;
	for (int i = 0; i < 3; i++)
		turn(1, 100000, true);
	assert_int_equal(marks[0], GOAL * BUFFER); /* tried again */
}

static void thin_flows_wake_and_dense_ones_do_not(void **state)
{
	(void)state;
	now += TURN_NS;
	gather_turn(&q, now);
	for (int i = 0; i < 16; i++)
		gather_note(&flows[i], 65536);
	gather_note(&flows[16], 64);
	gather_begin(&q, now);
	struct flow *f = leader();
	assert_non_null(f);
	for (int i = 0; i < 16; i++)
		assert_int_equal(silent[i], &flows[i] != f);
	assert_false(silent[16]);
	assert_in_range(marks[f->sock], GOAL * BUFFER / 17, GOAL * BUFFER / 15);
}

static void a_steady_stream_costs_a_call_now_and_then(void **state)
{
	(void)state;
	turn(16, 65536, false);
	calls = 0;
	for (int i = 0; i < 12; i++)
		turn(16, 65536, true);
	assert_int_equal(calls, 3); /* looks at the window */
}

static void a_window_that_grew_is_seen(void **state)
{
	(void)state;
	window = 200000;
	turn(1, GOAL * BUFFER, false);
	window = WINDOW;
	for (int i = 0; i < 16; i++)
		turn(1, GOAL * BUFFER, true);
	assert_int_equal(marks[0], GOAL * BUFFER);
}

static void a_leader_that_falls_silent_loses_its_mark_when_its_time_is_over(void **state)
{
	uint64_t until = turn(1, GOAL * BUFFER, false);
	(void)state;
	assert_true(until == now + WAIT_US * 1000);
	/* Another flow ends the wait: the leader keeps its mark, and its time. */
	now += TURN_NS;
	gather_turn(&q, now);
	gather_note(&flows[1], 64);
	assert_true(gather_begin(&q, now) == until);
	assert_int_equal(marks[0], GOAL * BUFFER);
	now = until;
	gather_turn(&q, now);
	assert_null(leader());
	assert_true(silent[0]); /* it was dense of late */
}

static void thin_turn(int dense, int thin)
{
	now += TURN_NS;
	q.gather.rang = true;
	gather_turn(&q, now);
	gather_note(&flows[dense], 65536);
	gather_note(&flows[thin], 64);
	gather_begin(&q, now);
}

static void who_becomes_thin_wakes_again(void **state)
{
	(void)state;
	turn(2, 65536, false);
	assert_true(flows[1].hushed);
	for (int i = 0; i < 4; i++)
		thin_turn(0, 1);
	assert_false(flows[1].hushed);
	assert_false(silent[1]);
}

static void who_sends_in_bursts_does_not_wake_with_each(void **state)
{
	(void)state;
	turn(2, 65536, false);
	for (int i = 0; i < 200; i++)
		turn(1 + (i % 50 == 0), 65536, true);
	assert_true(flows[1].hushed);
}

static void who_falls_silent_wakes_again(void **state)
{
	(void)state;
	turn(2, 65536, false);
	for (int i = 0; i < 100; i++)
		turn(1, 65536, true);
	assert_false(flows[1].hushed);
	assert_false(silent[1]);
}

static void without_a_wait_everybody_wakes(void **state)
{
	(void)state;
	turn(16, 65536, false);
	gather_stop(&q);
	assert_as_at_first();
	q.schedule.pace.wait_us = 0;
	gather_turn(&q, now);
	for (int i = 0; i < 16; i++)
		gather_note(&flows[i], 65536);
	assert_as_at_first();
}

static void a_socket_that_goes_has_no_mark(void **state)
{
	(void)state;
	turn(16, 65536, false);
	for (int i = 0; i < FLOWS; i++) {
		gather_forget(&flows[i]);
		assert_int_equal(marks[i], NO_MARK);
		assert_false(flows[i].hushed);
	}
	assert_true(TAILQ_EMPTY(&q.gather.hushed));
}

static void of_many_flows_all_are_dense(void **state)
{
	(void)state;
	for (int i = 0; i < 3; i++)
		turn(FLOWS, BUFFER, false);
	for (int i = 0; i < FLOWS; i++)
		assert_true(silent[i] || leader() == &flows[i]);
}

int main(void)
{
#define CASE(name) cmocka_unit_test_setup(name, begin)
	const struct CMUnitTest tests[] = {
		CASE(one_stream_wakes_when_its_batch_is_there),
		CASE(or_half_of_its_window),
		CASE(or_half_of_what_came_when_time_ended_the_wait),
		CASE(thin_flows_wake_and_dense_ones_do_not),
		CASE(a_steady_stream_costs_a_call_now_and_then),
		CASE(a_window_that_grew_is_seen),
		CASE(a_leader_that_falls_silent_loses_its_mark_when_its_time_is_over),
		CASE(who_becomes_thin_wakes_again),
		CASE(who_sends_in_bursts_does_not_wake_with_each),
		CASE(who_falls_silent_wakes_again),
		CASE(without_a_wait_everybody_wakes),
		CASE(a_socket_that_goes_has_no_mark),
		CASE(of_many_flows_all_are_dense),
	};
	return cmocka_run_group_tests_name("gather", tests, NULL, NULL);
}
