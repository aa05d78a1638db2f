/* SPDX-License-Identifier: MIT */
/* What a client asks a queue for, and how much of it a turn does. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/counter.h"
#include "daemon/pump/channel.h"
#include "daemon/pump/flows.h"
#include "daemon/pump/nudge.h"
#include "daemon/pump/turn.h"
#include "proto/reason.h"
#include "tests/daemon/fixture.h"

enum {
	REFUSALS_A_TURN = 64, /* the same number as in daemon/pump/turn.c */
	KICKS = 200
};

static uint64_t refused(void)
{
	return count_get(&queue->rings.daemon->refills_refused);
}

/* Refills that are not right, and a right one behind them. */
static void refill(uint32_t wrong)
{
	static uint32_t tail;
	struct ring_rqe *rqes = (struct ring_rqe *)(uintptr_t)queue->rings.rqes;
	tail = queue->rings.rq_head + wrong + 1;
	for (uint32_t at = queue->rings.rq_head; at != tail; at++)
		rqes[at % RQ_ENTRIES] = (struct ring_rqe){.off = at + 1 == tail};
	ring_store((uint32_t *)(uintptr_t)queue->rings.rq_tail, tail);
}

/* Takes a turn if one is due. */
static int turn_if_due(void)
{
	if (schedule_when(&queue->schedule) > clock_ns())
		return 0;
	queue_turn(queue);
	return 1;
}

static void a_turn_takes_some_refusals_and_leaves_the_rest_for_later(void **state)
{
	(void)state;
	refill(RQ_ENTRIES - 1);
	schedule_ask(&queue->schedule, clock_ns());
	assert_true(queue->schedule.active);
	queue_turn(queue);
	assert_int_equal(refused(), REFUSALS_A_TURN);
	assert_int_equal(fake.refills, 0);
	assert_false(queue->schedule.active);
	int n = 0;
	while (fake.refills == 0)
		n += turn_if_due();
	assert_int_equal(n, (RQ_ENTRIES - 1) / REFUSALS_A_TURN);
	assert_int_equal(refused(), RQ_ENTRIES - 1);
	assert_int_equal(fake.refills, 1);
}

static void who_asks_in_vain_is_heard_less_and_less_often(void **state)
{
	(void)state;
	int n = 0, asked = 0;
	uint64_t until = clock_ns() + 1000 * BACKOFF_FIRST_NS;
	while (clock_ns() < until) {
		schedule_ask(&queue->schedule, clock_ns());
		asked++;
		n += turn_if_due();
	}
	assert_true(asked > 100);
	assert_in_range(n, 3, 11);
	assert_int_equal(count_get(&queue->rings.daemon->in_vain), n);
	/* Data has its turn at once, and ends it. */
	assert_false(queue->schedule.active);
	assert_true(queue->schedule.backoff.step_ns > 0);
	fake.completion_at = fake.reaps + 1;
	schedule_now(&queue->schedule);
	queue_turn(queue);
	assert_int_equal(queue->schedule.backoff.step_ns, 0);
	schedule_ask(&queue->schedule, clock_ns());
	assert_true(queue->schedule.active);
}

static bool kick_unread(void)
{
	char kick;
	return recv(queue->channel, &kick, 1, MSG_DONTWAIT | MSG_PEEK) == 1;
}

static void a_turn_takes_some_kicks_and_leaves_the_rest_for_later(void **state)
{
	(void)state;
	for (int i = 0; i < KICKS; i++)
		assert_int_equal(send(channel, "", 1, MSG_DONTWAIT), 1);
	channel_ready(queue, EPOLLIN);
	queue_turn(queue);
	assert_true(queue->kicked);
	assert_true(kick_unread());
	while (queue->kicked)
		turn_if_due();
	assert_false(kick_unread());
}

/* It has read its wake-up, and asks for another one. */
static void a_client_that_asks_is_woken_without_news(void **state)
{
	(void)state;
	const char ask = RING_KICK_WAKE, kick = RING_KICK;
	char wake_up;
	queue_turn(queue);
	ring_store(&queue->rings.client->wake, 1);
	assert_int_equal(send(channel, &kick, 1, MSG_DONTWAIT), 1);
	channel_ready(queue, EPOLLIN);
	queue_turn(queue);
	assert_int_equal(ring_load(&queue->rings.client->wake), 1);
	for (int i = 0; i < 3; i++)
		assert_int_equal(send(channel, &ask, 1, MSG_DONTWAIT), 1);
	channel_ready(queue, EPOLLIN);
	queue_turn(queue);
	assert_int_equal(ring_load(&queue->rings.client->wake), 0);
	assert_int_equal(recv(channel, &wake_up, 1, MSG_DONTWAIT), 1);
	assert_int_equal(recv(channel, &wake_up, 1, MSG_DONTWAIT), -1);
}

/* Whoever holds a socket can have it wake its watchers. */
static void a_socket_of_which_nothing_is_received_wakes_once(void **state)
{
	(void)state;
	int peer, least = 1;
	struct flow *f;
	struct epoll_event e;
	assert_int_equal(flow_new(&f, queue, fixture_tcp(&peer), &answer), REASON_NONE);
	flows_link(f);
	while (epoll_wait(queue->loop.epoll, &e, 1, 0) == 1)
		; /* the channel has room */
	assert_int_equal(flow_watch(f, FLOW_WAIT_DATA), 0);
	f->state = FLOW_IDLE;
	assert_int_equal(send(peer, "x", 1, 0), 1);
	assert_int_equal(epoll_wait(queue->loop.epoll, &e, 1, 1000), 1);
	struct source *s = e.data.ptr;
	queue->schedule.active = false;
	s->ready(s->owner, e.events);
	assert_false(queue->schedule.active);
	assert_int_equal(setsockopt(f->sock, SOL_SOCKET, SO_RCVLOWAT, &least, sizeof(least)), 0);
	assert_int_equal(epoll_wait(queue->loop.epoll, &e, 1, 0), 0);
	/* Once it is received again, what came meanwhile wakes. */
	assert_int_equal(flow_watch(f, FLOW_WAIT_DATA), 0);
	f->state = FLOW_ARMED;
	assert_int_equal(epoll_wait(queue->loop.epoll, &e, 1, 0), 1);
	s = e.data.ptr;
	s->ready(s->owner, e.events);
	assert_true(queue->schedule.active);
	close(peer);
}

static void a_turn_nudges_some_sockets_and_leaves_the_rest_for_later(void **state)
{
	(void)state;
	int left = 0;
	struct flow *f;
	for (int i = 0; i < FLOWS; i++) {
		assert_int_equal(flow_new(&f, queue, dup(sock[1]), &answer), REASON_NONE);
		flows_link(f);
		f->state = FLOW_ARMED;
		nudge_note(f);
	}
	while (clock_ns() < queue->schedule.nudge_ns)
		usleep(1000);
	nudge(queue, clock_ns());
	TAILQ_FOREACH (f, &queue->fresh, waiting)
		left++;
	assert_in_range(left, 1, FLOWS - 1);
	/* A flow that brings data again is nudged as soon as before, however many other flows wait.
	 */
	TAILQ_FOREACH (f, &queue->flows, link)
		if (!f->waits_on)
			break;
	uint64_t noted = clock_ns();
	nudge_note(f);
	while (!TAILQ_EMPTY(&queue->fresh) && TAILQ_FIRST(&queue->fresh) != f)
		nudge(queue, clock_ns());
	/* Unless this process got no processor for so long that all were due. */
	if (!TAILQ_EMPTY(&queue->fresh))
		assert_true(queue->schedule.nudge_ns >= noted + 10000000);
	while (queue->schedule.nudge_ns)
		nudge(queue, clock_ns());
	assert_true(TAILQ_EMPTY(&queue->fresh));
}

#define CASE(f) cmocka_unit_test_setup_teardown(f, fixture_open, fixture_close)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(a_turn_takes_some_refusals_and_leaves_the_rest_for_later),
		CASE(who_asks_in_vain_is_heard_less_and_less_often),
		CASE(a_turn_takes_some_kicks_and_leaves_the_rest_for_later),
		CASE(a_client_that_asks_is_woken_without_news),
		CASE(a_socket_of_which_nothing_is_received_wakes_once),
		CASE(a_turn_nudges_some_sockets_and_leaves_the_rest_for_later),
	};
	return cmocka_run_group_tests_name("asks", tests, NULL, NULL);
}
