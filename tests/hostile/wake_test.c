/* SPDX-License-Identifier: MIT */
/* A client that sleeps on the wake word, or writes into it what means nothing. */
#include <errno.h>
#include <linux/futex.h>
#include <setjmp.h>
#include <stdarg.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cmocka.h>

#include "tests/hostile/raw.h"
#include "tests/hostile/world.h"

static struct raw r;
static struct raw_queue q;
static int sock[2]; /* sender, adopted */

static int open_case(void **state)
{
	(void)state;
	uint32_t page = (uint32_t)sysconf(_SC_PAGESIZE);
	raw_connect(&r);
	raw_queue_open(&q, &r, 16ul * page, page, 64);
	harness_pair(sock);
	raw_adopt(&q, sock[1], 0);
	assert_int_equal(raw_daemon(&q)->futex, 1);
	return 0;
}

static int close_case(void **state)
{
	world_is_well();
	raw_queue_drop(&q);
	raw_close(&r);
	close(sock[0]);
	close(sock[1]);
	return world_is_empty(state);
}

static uint32_t *word(void)
{
	return &raw_client(&q)->wake;
}

static void sleep_by(uint32_t how)
{
	ring_store(word(), how);
	ring_barrier();
}

static void put(void)
{
	assert_int_equal(send(sock[0], "payload", 7, MSG_NOSIGNAL), 7);
}

static void expect_data(void)
{
	struct raw_data d;
	WORLD_UNTIL(raw_take(&q, &d));
	raw_refill(&q, d.off, 0);
}

/* The bytes of the next datagram of the channel, or 0 if there is none. */
static size_t datagram(void)
{
	char bytes[sizeof(union msg_any)];
	ssize_t n = recv(q.channel, bytes, sizeof(bytes), MSG_DONTWAIT);
	assert_true(n > 0 || errno == EAGAIN);
	return n > 0 ? (size_t)n : 0;
}

static void data_wakes_who_sleeps_on_the_word(void **state)
{
	(void)state;
	for (int i = 0; i < 50; i++) {
		const struct timespec patience = {.tv_sec = HARNESS_PATIENCE_MS / 1000};
		sleep_by(RING_WAKE_FUTEX);
		put();
		long woken =
			syscall(SYS_futex, word(), FUTEX_WAIT, RING_WAKE_FUTEX, &patience, NULL, 0);
		assert_true(woken == 0 || errno == EAGAIN); /* EAGAIN: the pump was first */
		assert_int_equal(ring_load(word()), 0);
		expect_data();
		assert_int_equal(datagram(), 0);
	}
}

static void an_event_wakes_who_sleeps_on_the_word(void **state)
{
	(void)state;
	struct sockaddr_in at;
	int listener = harness_listen(&at);
	raw_adopt(&q, listener, MSG_FLOW_LISTEN);
	sleep_by(RING_WAKE_FUTEX);
	int peer = harness_connect(&at);
	WORLD_UNTIL(ring_load(word()) == 0);
	assert_int_equal(datagram(), sizeof(struct msg_flow_opened));
	assert_int_equal(datagram(), 0);
	close(peer);
	close(listener);
}

static void any_other_number_asks_for_a_byte(void **state)
{
	(void)state;
	static const uint32_t numbers[] = {RING_WAKE_BYTE, 3, 77, UINT32_MAX};
	for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
		sleep_by(numbers[i]);
		put();
		expect_data();
		WORLD_UNTIL(ring_load(word()) == 0);
		size_t n;
		WORLD_UNTIL((n = datagram()) > 0);
		assert_int_equal(n, 1);
	}
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, open_case, close_case)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(data_wakes_who_sleeps_on_the_word),
		CASE(an_event_wakes_who_sleeps_on_the_word),
		CASE(any_other_number_asks_for_a_byte),
	};
	return cmocka_run_group_tests(tests, world_setup, world_teardown);
}
