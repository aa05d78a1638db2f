/* SPDX-License-Identifier: MIT */
/*
 * A program that sleeps until the queue's descriptor is readable, and calls a function that reads
 * the channel because of another event: what comes meanwhile wakes it all the same.
 */
#include <errno.h>
#include <poll.h>
#include <sys/socket.h>

#include "tests/lib/fixture.h"

enum {
	LISTENER = FAKE_FIRST_FLOW,
	FLOW = LISTENER + 1,
	ACCEPTED = 0x20009
};

static struct zcrx_flow *listener;

static int setup(void **state)
{
	int r = fixture_setup(state);
	listener = client_adopt(&client, NULL, ZCRX_FLOW_LISTEN);
	client_adopt(&client, NULL, 0);
	client_expect(&client, 0);
	return r;
}

static bool readable(void)
{
	struct pollfd fd = {.fd = zcrx_queue_fd(client.q), .events = POLLIN};
	return poll(&fd, 1, 0) > 0;
}

static bool asleep(void)
{
	return ring_load(&fake_client_page(&fake)->wake) == 1;
}

/* Answers the question for a wake-up as the pump does. */
static void expect_question(void)
{
	assert_false(readable());
	assert_int_equal(fake_kick(&fake), RING_KICK_WAKE);
	assert_true(fake_wake(&fake));
	assert_true(readable());
}

static void closing_a_listener_leaves_a_sleeper_asleep(void **state)
{
	(void)state;
	zcrx_flow_close(listener, 0);
	assert_int_equal(fake_kick(&fake), -1);
	assert_false(readable());
	assert_true(asleep());
}

/* The byte of that wake-up is read by zcrx_flow_close(), and the next data has to wake again. */
static void a_wake_up_without_work_is_not_the_last_one(void **state)
{
	(void)state;
	assert_true(fake_wake(&fake));
	fake_flow_closed(&fake, FLOW + 7, 0, 0);
	zcrx_flow_close(listener, 0);
	assert_false(readable());
	assert_int_equal(fake_kick(&fake), -1);
	fake_data(&fake, FLOW, 0, 1);
	assert_true(fake_wake(&fake));
	client_expect(&client, ZCRX_DATA);
}

static void data_wakes_though_its_wake_up_was_read(void **state)
{
	(void)state;
	fake_flow_closed(&fake, FLOW + 7, 0, 0);
	fake_data(&fake, FLOW, 0, 1);
	assert_true(fake_wake(&fake));
	zcrx_flow_close(listener, 0);
	expect_question();
	client_expect(&client, ZCRX_DATA);
}

static void a_connection_wakes_though_its_event_was_read(void **state)
{
	(void)state;
	fake_flow_opened(&fake, LISTENER, ACCEPTED, -1);
	zcrx_flow_close(listener, 0);
	expect_question();
	client_expect(&client, ZCRX_OPEN);
}

static void an_end_wakes_though_its_event_was_read(void **state)
{
	(void)state;
	fake_flow_closed(&fake, FLOW, 0, 0);
	zcrx_flow_close(listener, 0);
	expect_question();
	client_expect(&client, ZCRX_END);
	client_expect(&client, 0);
	assert_false(readable());
}

static void nobody_asks_for_a_program_that_is_awake(void **state)
{
	(void)state;
	fake_data(&fake, FLOW, 0, 1);
	client_expect(&client, ZCRX_DATA);
	fake_flow_closed(&fake, FLOW, 0, 1);
	zcrx_flow_close(listener, 0);
	assert_int_equal(fake_kick(&fake), -1);
	assert_false(asleep());
	client_expect(&client, ZCRX_END);
}

/* The pump lives and knows nothing of the loss, as when this process has no memory for an event. */
static void a_queue_that_this_process_loses_wakes(void **state)
{
	(void)state;
	struct msg_flow_closed m = {.queue_id = FAKE_QUEUE_ID + 1, .flow_id = FLOW};
	fake_event(&fake, &m.hdr, MSG_FLOW_CLOSED, sizeof(m), -1);
	zcrx_flow_close(listener, 0);
	assert_true(readable());
	assert_int_equal(client_expect(&client, ZCRX_LOST).error, -EPROTO);
	assert_true(readable());
	char byte;
	while (recv(fake.channel, &byte, 1, MSG_DONTWAIT) > 0)
		;
	assert_int_equal(recv(fake.channel, &byte, 1, MSG_DONTWAIT), 0);
}

/* ---- a flow for a queue that the daemon has lost ---- */

static void has_no_queue(const union msg_any *request, struct fake_reply *r, void *data)
{
	const int *error = data;
	if (request->hdr.type != MSG_FLOW_ADOPT)
		return;
	r->m.hdr.size = sizeof(struct msg_fail);
	r->m.hdr.error = -ENOENT;
	if (*error)
		fake_queue_lost(&fake, *error);
	else
		shutdown(fake.channel, SHUT_RDWR);
}

static void a_flow_is_refused_with_what_lost_the_queue(void **state)
{
	(void)state;
	int error = -ESHUTDOWN;
	struct zcrx_flow *f = NULL;
	fake.change = has_no_queue;
	fake.data = &error;
	assert_int_equal(zcrx_flow_adopt(client.q, &f, 0, 0, NULL), -ESHUTDOWN);
	assert_null(f);
	assert_true(readable());
	assert_int_equal(client_expect(&client, ZCRX_LOST).error, -ESHUTDOWN);
}

static void a_flow_is_refused_with_the_end_of_the_queue(void **state)
{
	(void)state;
	int error = 0;
	struct zcrx_flow *f = NULL;
	fake.change = has_no_queue;
	fake.data = &error;
	assert_int_equal(zcrx_flow_adopt(client.q, &f, 0, 0, NULL), -ECONNRESET);
	assert_true(readable());
	assert_int_equal(client_expect(&client, ZCRX_LOST).error, -ECONNRESET);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, fixture_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(closing_a_listener_leaves_a_sleeper_asleep),
		TEST(a_wake_up_without_work_is_not_the_last_one),
		TEST(data_wakes_though_its_wake_up_was_read),
		TEST(a_connection_wakes_though_its_event_was_read),
		TEST(an_end_wakes_though_its_event_was_read),
		TEST(nobody_asks_for_a_program_that_is_awake),
		TEST(a_queue_that_this_process_loses_wakes),
		TEST(a_flow_is_refused_with_what_lost_the_queue),
		TEST(a_flow_is_refused_with_the_end_of_the_queue),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
