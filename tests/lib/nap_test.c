/* SPDX-License-Identifier: MIT */
/* zcrx_wait() sleeps on the wake word where the daemon knows that, and then on the channel. */
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <time.h>

#include "tests/lib/fixture.h"

enum {
	FLOW = FAKE_FIRST_FLOW
};

static int setup(void **state)
{
	int r = fixture_setup(state);
	client_adopt(&client, NULL, 0);
	client_expect(&client, 0);
	fake_daemon_page(&fake)->futex = 1;
	return r;
}

static bool readable(void)
{
	struct pollfd fd = {.fd = zcrx_queue_fd(client.q), .events = POLLIN};
	return poll(&fd, 1, 0) > 0;
}

static void until_it_sleeps(uint32_t how)
{
	while (ring_load(&fake_client_page(&fake)->wake) != how)
		nanosleep(&(struct timespec){.tv_nsec = 100000}, NULL);
}

static void *data_for_a_nap(void *arg)
{
	until_it_sleeps(RING_WAKE_FUTEX);
	fake_data(&fake, FLOW, 0, 1);
	fake_wake(&fake);
	return arg;
}

static void *data_for_a_poll(void *arg)
{
	until_it_sleeps(RING_WAKE_FUTEX);
	until_it_sleeps(RING_WAKE_BYTE);
	fake_data(&fake, FLOW, 0, 1);
	fake_wake(&fake);
	return arg;
}

static void *death_in_a_nap(void *arg)
{
	until_it_sleeps(RING_WAKE_FUTEX);
	fake_die(&fake);
	return arg;
}

static void *signal_in_a_nap(void *waiter)
{
	until_it_sleeps(RING_WAKE_FUTEX);
	pthread_kill(*(pthread_t *)waiter, SIGALRM);
	return NULL;
}

/* Waits while the other thread does this. Returns what zcrx_wait() does. */
static int wait_beside(void *(*other)(void *arg))
{
	pthread_t thread, self = pthread_self();
	assert_int_equal(pthread_create(&thread, NULL, other, &self), 0);
	int r = zcrx_wait(client.q, -1);
	pthread_join(thread, NULL);
	return r;
}

static void a_nap_ends_without_a_byte(void **state)
{
	(void)state;
	assert_int_equal(wait_beside(data_for_a_nap), 1);
	assert_false(readable());
	client_expect(&client, ZCRX_DATA);
	client_expect(&client, 0);
	assert_false(readable());
}

/* What polls the descriptor after a nap is woken by it. */
static void the_descriptor_wakes_after_a_nap(void **state)
{
	(void)state;
	assert_int_equal(wait_beside(data_for_a_nap), 1);
	client_expect(&client, ZCRX_DATA);
	client_expect(&client, 0);
	fake_data(&fake, FLOW, 1, 1);
	assert_true(fake_wake(&fake));
	assert_true(readable());
	client_expect(&client, ZCRX_DATA);
}

static void a_long_sleep_is_one_on_the_channel(void **state)
{
	(void)state;
	assert_int_equal(wait_beside(data_for_a_poll), 1);
	assert_true(readable());
	client_expect(&client, ZCRX_DATA);
}

static void a_nap_sees_a_dead_daemon(void **state)
{
	(void)state;
	assert_int_equal(wait_beside(death_in_a_nap), 1);
	assert_int_equal(client_expect(&client, ZCRX_LOST).error, -ECONNRESET);
}

static void on_signal(int signal)
{
	(void)signal;
}

static void a_signal_ends_a_nap(void **state)
{
	(void)state;
	struct sigaction action = {.sa_handler = on_signal, .sa_flags = SA_RESTART};
	sigaction(SIGALRM, &action, NULL);
	assert_int_equal(wait_beside(signal_in_a_nap), -EINTR);
	assert_int_equal(ring_load(&fake_client_page(&fake)->wake), RING_WAKE_BYTE);
}

static void a_short_wait_ends_when_time_is_up(void **state)
{
	(void)state;
	assert_int_equal(zcrx_wait(client.q, 5), 0);
	assert_int_equal(ring_load(&fake_client_page(&fake)->wake), RING_WAKE_BYTE);
	fake_data(&fake, FLOW, 0, 1);
	assert_true(fake_wake(&fake));
	assert_true(readable());
}

/* A daemon of before would send a byte, and nobody looks at the channel. */
static void nobody_naps_before_a_daemon_that_does_not_know_it(void **state)
{
	(void)state;
	fake_daemon_page(&fake)->futex = 0;
	assert_int_equal(zcrx_wait(client.q, 0), 0);
	pthread_t thread;
	assert_int_equal(pthread_create(&thread, NULL, data_for_a_nap, NULL), 0);
	assert_int_equal(zcrx_wait(client.q, 50), 0);
	fake_daemon_page(&fake)->futex = 1;
	assert_int_equal(zcrx_wait(client.q, -1), 1);
	pthread_join(thread, NULL);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, fixture_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_nap_ends_without_a_byte),
		TEST(the_descriptor_wakes_after_a_nap),
		TEST(a_long_sleep_is_one_on_the_channel),
		TEST(a_nap_sees_a_dead_daemon),
		TEST(a_signal_ends_a_nap),
		TEST(a_short_wait_ends_when_time_is_up),
		TEST(nobody_naps_before_a_daemon_that_does_not_know_it),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
