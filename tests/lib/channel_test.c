/* SPDX-License-Identifier: MIT */
/* Sleeping, waking, kicking, and the loss of the queue. */
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#include "tests/lib/fixture.h"

enum {
	FLOW = FAKE_FIRST_FLOW
};

static int setup(void **state)
{
	int r = fixture_setup(state);
	client_adopt(&client, NULL, 0);
	return r;
}

static bool readable(void)
{
	struct pollfd fd = {.fd = zcrx_queue_fd(client.q), .events = POLLIN};
	return poll(&fd, 1, 0) > 0;
}

static bool awake(void)
{
	return ring_load(&fake_client_page(&fake)->wake) == 0;
}

/* ---- sleeping and waking ---- */

static void a_busy_client_is_not_armed(void **state)
{
	(void)state;
	fake_data(&fake, FLOW, 0, 1);
	client_expect(&client, ZCRX_DATA);
	assert_true(awake());
	assert_false(fake_wake(&fake));
}

static void a_sleeper_is_woken_once_and_sleeps_again(void **state)
{
	(void)state;
	for (int i = 0; i < 3; i++) {
		client_expect(&client, 0);
		assert_false(readable());
		fake_data(&fake, FLOW, 0, 1);
		assert_true(fake_wake(&fake));
		assert_false(fake_wake(&fake));
		assert_true(readable());
		struct zcrx_completion c = client_expect(&client, ZCRX_DATA);
		zcrx_recycle(client.q, &c, 1);
	}
	client_expect(&client, 0);
	assert_false(readable());
}

static void a_client_that_comes_by_itself_takes_the_word_back(void **state)
{
	(void)state;
	client_expect(&client, 0);
	fake_data(&fake, FLOW, 0, 1);
	client_expect(&client, ZCRX_DATA);
	assert_true(awake());
	assert_false(readable());
}

static void a_wake_up_without_work_puts_it_back_to_sleep(void **state)
{
	(void)state;
	client_expect(&client, 0);
	assert_true(fake_wake(&fake));
	assert_true(readable());
	client_expect(&client, 0);
	assert_false(readable());
	assert_false(awake());
}

static void a_byte_that_comes_late_is_swept_up(void **state)
{
	(void)state;
	client_expect(&client, 0);
	fake_data(&fake, FLOW, 0, 1);
	assert_int_equal(ring_take(&fake_client_page(&fake)->wake), 1);
	client_expect(&client, ZCRX_DATA);
	client_expect(&client, 0);
	fake_send(&fake, "", 1, -1);
	assert_true(readable());
	client_expect(&client, 0);
	assert_false(readable());
	assert_false(awake());
}

static void an_event_wakes_like_data(void **state)
{
	(void)state;
	client_expect(&client, 0);
	fake_flow_closed(&fake, FLOW, 0, 0);
	assert_true(readable());
	client_expect(&client, ZCRX_END);
	client_expect(&client, 0);
	assert_false(readable());
}

static void an_event_nobody_counted_is_found_by_the_sleeper(void **state)
{
	(void)state;
	client_expect(&client, 0);
	fake_flow_closed(&fake, FLOW, 0, 0);
	fake_daemon_page(&fake)->events--;
	client_expect(&client, ZCRX_END);
}

static void a_count_without_events_does_not_keep_it_awake(void **state)
{
	(void)state;
	fake_daemon_page(&fake)->events = 12345;
	client_expect(&client, 0);
	assert_false(awake());
}

/* ---- waiting ---- */

static void waiting_ends_when_time_is_up(void **state)
{
	(void)state;
	struct timespec from, to;
	clock_gettime(CLOCK_MONOTONIC, &from);
	assert_int_equal(zcrx_wait(client.q, 30), 0);
	clock_gettime(CLOCK_MONOTONIC, &to);
	long ms = (to.tv_sec - from.tv_sec) * 1000 + (to.tv_nsec - from.tv_nsec) / 1000000;
	assert_in_range(ms, 29, 5000);
	assert_int_equal(zcrx_wait(client.q, 0), 0);
}

static void waiting_does_not_wait_for_what_is_there(void **state)
{
	(void)state;
	fake_data(&fake, FLOW, 0, 1);
	assert_int_equal(zcrx_wait(client.q, -1), 1);
	client_expect(&client, ZCRX_DATA);
}

static void *wake_later(void *arg)
{
	(void)arg;
	nanosleep(&(struct timespec){.tv_nsec = 20000000}, NULL);
	fake_send(&fake, "", 1, -1); /* a stale one first */
	nanosleep(&(struct timespec){.tv_nsec = 20000000}, NULL);
	fake_data(&fake, FLOW, 0, 1);
	fake_wake(&fake);
	return NULL;
}

static void waiting_ends_when_data_comes_and_not_before(void **state)
{
	(void)state;
	pthread_t thread;
	assert_int_equal(pthread_create(&thread, NULL, wake_later, NULL), 0);
	assert_int_equal(zcrx_wait(client.q, -1), 1);
	client_expect(&client, ZCRX_DATA);
	pthread_join(thread, NULL);
}

static void on_alarm(int signal)
{
	(void)signal;
}

static void a_signal_interrupts_waiting(void **state)
{
	(void)state;
	struct sigaction action = {.sa_handler = on_alarm};
	struct itimerval soon = {.it_value.tv_usec = 20000};
	sigaction(SIGALRM, &action, NULL);
	setitimer(ITIMER_REAL, &soon, NULL);
	assert_int_equal(zcrx_wait(client.q, -1), -EINTR);
}

static void waiting_sees_a_dead_daemon(void **state)
{
	(void)state;
	fake_die(&fake);
	assert_int_equal(zcrx_wait(client.q, -1), 1);
	assert_int_equal(client_expect(&client, ZCRX_LOST).error, -ECONNRESET);
	assert_int_equal(zcrx_wait(client.q, -1), 1);
}

/* ---- kicks ---- */

static void nobody_is_kicked_who_does_not_wait(void **state)
{
	(void)state;
	fake_data(&fake, FLOW, 0, 1);
	struct zcrx_completion c = client_expect(&client, ZCRX_DATA);
	zcrx_recycle(client.q, &c, 1);
	assert_false(fake_kicked(&fake));
}

static void a_waiting_pump_is_kicked_once_per_value(void **state)
{
	(void)state;
	for (uint32_t kick = 1; kick < 4; kick++) {
		fake_daemon_page(&fake)->kick = kick;
		fake_data(&fake, FLOW, 0, 1);
		struct zcrx_completion c = client_expect(&client, ZCRX_DATA);
		zcrx_recycle(client.q, &c, 1);
		zcrx_recycle(client.q, &c, 0);
		assert_true(fake_kicked(&fake));
		assert_false(fake_kicked(&fake));
	}
}

static void refills_alone_kick_too(void **state)
{
	(void)state;
	fake_data(&fake, FLOW, 0, 1);
	struct zcrx_completion c = client_expect(&client, ZCRX_DATA);
	fake_daemon_page(&fake)->kick = 9;
	client_expect(&client, 0);
	assert_false(fake_kicked(&fake));
	zcrx_recycle(client.q, &c, 1);
	assert_true(fake_kicked(&fake));
}

static void a_pump_that_reads_no_kicks_holds_nobody_up(void **state)
{
	(void)state;
	struct ring_rqe taken;
	for (uint32_t kick = 1; kick < 5000; kick++) {
		fake_daemon_page(&fake)->kick = kick;
		fake_data(&fake, FLOW, 0, 1);
		struct zcrx_completion c = client_expect(&client, ZCRX_DATA);
		zcrx_recycle(client.q, &c, 1);
		assert_true(fake_refill(&fake, &taken));
	}
	client_expect(&client, 0);
}

/* ---- loss ---- */

static void a_closed_channel_loses_the_queue(void **state)
{
	(void)state;
	client_expect(&client, 0);
	fake_die(&fake);
	assert_true(readable());
	for (int i = 0; i < 3; i++)
		assert_int_equal(client_expect(&client, ZCRX_LOST).error, -ECONNRESET);
}

static void data_that_came_before_the_end_of_the_daemon_is_given(void **state)
{
	(void)state;
	fake_data(&fake, FLOW, 0, 1);
	fake_die(&fake);
	client_expect(&client, ZCRX_DATA);
	client_expect(&client, 0);
	assert_true(readable());
	client_expect(&client, ZCRX_LOST);
}

static const char *why_lost(void)
{
	struct zcrx_queue_info i = {.size = sizeof(i)};
	assert_int_equal(zcrx_queue_info(client.q, &i), 0);
	return i.why_lost;
}

static void the_daemon_says_why_it_takes_the_queue(void **state)
{
	(void)state;
	fake_queue_lost(&fake, -ESHUTDOWN);
	assert_string_equal(why_lost(), "");
	assert_int_equal(client_expect(&client, ZCRX_LOST).error, -ESHUTDOWN);
	fake_die(&fake);
	assert_int_equal(client_expect(&client, ZCRX_LOST).error, -ESHUTDOWN);
	assert_string_equal(why_lost(), "The fake?has had enough.");
}

static void a_killed_daemon_says_nothing(void **state)
{
	(void)state;
	fake_die(&fake);
	client_expect(&client, 0);
	assert_int_equal(client_expect(&client, ZCRX_LOST).error, -ECONNRESET);
	assert_string_equal(why_lost(), "");
}

static void a_loss_without_error_is_a_broken_protocol(void **state)
{
	(void)state;
	fake_queue_lost(&fake, 0);
	assert_int_equal(client_expect(&client, ZCRX_LOST).error, -EPROTO);
}

static void unknown_events_are_ignored_and_their_descriptors_closed(void **state)
{
	(void)state;
	struct msg_ok m;
	int pipes[2];
	char byte;
	assert_int_equal(pipe(pipes), 0);
	fake_event(&fake, &m.hdr, 99, sizeof(m), pipes[1]);
	close(pipes[1]);
	client_expect(&client, 0);
	assert_int_equal(read(pipes[0], &byte, 1), 0);
	close(pipes[0]);
}

static void every_truncated_event_loses_the_queue(void **state)
{
	(void)state;
	struct msg_flow_closed m = {
		.hdr = {.size = sizeof(m), .type = MSG_FLOW_CLOSED},
		.queue_id = FAKE_QUEUE_ID,
		.flow_id = FLOW,
	};
	for (uint32_t len = 2; len < sizeof(m); len++) {
		m.hdr.size = len;
		fake_send(&fake, &m, len, -1);
		fake_daemon_page(&fake)->events++;
		assert_int_equal(client_expect(&client, ZCRX_LOST).error, -EPROTO);
		zcrx_queue_close(client.q);
		assert_int_equal(zcrx_queue_open(client.z, &client.q, client.a, NULL), 0);
	}
}

static void an_event_of_another_queue_loses_this_one(void **state)
{
	(void)state;
	struct msg_flow_closed m = {.queue_id = FAKE_QUEUE_ID + 1, .flow_id = FLOW};
	fake_event(&fake, &m.hdr, MSG_FLOW_CLOSED, sizeof(m), -1);
	assert_int_equal(client_expect(&client, ZCRX_LOST).error, -EPROTO);
}

static void a_flood_of_events_is_taken_bit_by_bit(void **state)
{
	(void)state;
	struct msg_ok m;
	for (int i = 0; i < 100; i++)
		fake_event(&fake, &m.hdr, 99, sizeof(m), -1);
	fake_flow_closed(&fake, FLOW, 0, 0);
	client_expect(&client, ZCRX_END);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, fixture_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_busy_client_is_not_armed),
		TEST(a_sleeper_is_woken_once_and_sleeps_again),
		TEST(a_client_that_comes_by_itself_takes_the_word_back),
		TEST(a_wake_up_without_work_puts_it_back_to_sleep),
		TEST(a_byte_that_comes_late_is_swept_up),
		TEST(an_event_wakes_like_data),
		TEST(an_event_nobody_counted_is_found_by_the_sleeper),
		TEST(a_count_without_events_does_not_keep_it_awake),
		TEST(waiting_ends_when_time_is_up),
		TEST(waiting_does_not_wait_for_what_is_there),
		TEST(waiting_ends_when_data_comes_and_not_before),
		TEST(a_signal_interrupts_waiting),
		TEST(waiting_sees_a_dead_daemon),
		TEST(nobody_is_kicked_who_does_not_wait),
		TEST(a_waiting_pump_is_kicked_once_per_value),
		TEST(refills_alone_kick_too),
		TEST(a_pump_that_reads_no_kicks_holds_nobody_up),
		TEST(a_closed_channel_loses_the_queue),
		TEST(data_that_came_before_the_end_of_the_daemon_is_given),
		TEST(the_daemon_says_why_it_takes_the_queue),
		TEST(a_killed_daemon_says_nothing),
		TEST(a_loss_without_error_is_a_broken_protocol),
		TEST(unknown_events_are_ignored_and_their_descriptors_closed),
		TEST(every_truncated_event_loses_the_queue),
		TEST(an_event_of_another_queue_loses_this_one),
		TEST(a_flood_of_events_is_taken_bit_by_bit),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
