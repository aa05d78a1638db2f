/* SPDX-License-Identifier: MIT */
/* Turns of a queue with a backend of the test's, whose completions are not the kernel's. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/clock.h"
#include "daemon/pump/channel.h"
#include "daemon/pump/control.h"
#include "daemon/pump/flow.h"
#include "daemon/pump/flows.h"
#include "daemon/pump/life.h"
#include "daemon/pump/listener.h"
#include "daemon/pump/nudge.h"
#include "daemon/pump/queue.h"
#include "daemon/pump/turn.h"
#include "proto/reason.h"
#include "tests/daemon/fixture.h"

/* A flow that waits for a buffer. */
static void one_waits(void)
{
	struct flow *f;
	assert_int_equal(flow_new(&f, queue, sock[1], &answer), REASON_NONE);
	f->why_copied = "this is a test";
	flow_open(f);
	queue_turn(queue);
	assert_false(queue->schedule.active);
	assert_int_equal(fake.arms, 0);
}

static void what_waits_for_a_buffer_gets_one_that_came_before_sleep(void **state)
{
	(void)state;
	one_waits();
	/* A turn reaps first, and once more before it says that there is nothing to do. */
	fake.reaps = 0;
	fake.something_at = 2;
	schedule_now(&queue->schedule);
	queue_turn(queue);
	assert_int_equal(fake.reaps, 2);
	assert_int_equal(fake.arms, 0);
	assert_true(queue->schedule.active);
	queue_turn(queue);
	assert_int_equal(fake.arms, 1);
}

static void a_turn_that_finds_nothing_is_the_last(void **state)
{
	(void)state;
	one_waits();
	fake.reaps = 0;
	schedule_now(&queue->schedule);
	queue_turn(queue);
	assert_int_equal(fake.reaps, 2);
	assert_false(queue->schedule.active);
}

static void what_waits_for_the_client_since_the_last_look_has_it_kicked(void **state)
{
	(void)state;
	fake.held_at = 2;
	queue_turn(queue);
	assert_int_equal(fake.reaps, 2);
	assert_false(queue->schedule.active);
	assert_int_not_equal(queue->rings.daemon->kick, 0);
}

/* A dead flow waits until its client has passed the flow's last completion, so the client is woken.
 */
static void a_client_that_sleeps_is_woken_to_bury_its_dead(void **state)
{
	(void)state;
	struct flow *f;
	fake.completion_at = 1;
	queue_turn(queue);
	assert_int_equal(queue->scanned, 1);
	assert_int_equal(flow_new(&f, queue, sock[1], &answer), REASON_NONE);
	flows_link(f);
	ring_store(&queue->rings.client->wake, 1);
	flow_close(f, false);
	queue_turn(queue);
	assert_int_equal(f->state, FLOW_DEAD);
	assert_int_equal(ring_load(&queue->rings.client->wake), 0);
	ring_store(&queue->rings.client->cq_head, 1);
	schedule_now(&queue->schedule);
	queue_turn(queue);
	assert_true(TAILQ_EMPTY(&queue->flows));
}

/* A client that has one completion unread, sleeps, and kicked: is it woken by that turn? */
static bool kick_wakes(bool unread, bool taken)
{
	fake.completion_at = 1;
	queue_turn(queue);
	assert_int_equal(queue->scanned, 1);
	ring_store(&queue->rings.client->cq_head, !unread);
	ring_store(&queue->rings.client->wake, 1);
	if (taken) /* by the kernel, before the turn */
		ring_store(queue->rings.rq_shown, 1);
	assert_int_equal(send(channel, "", 1, 0), 1);
	channel_ready(queue, EPOLLIN);
	queue_turn(queue);
	return !ring_load(&queue->rings.client->wake);
}

static void a_client_that_waits_for_room_is_woken_when_it_came(void **state)
{
	(void)state;
	assert_true(kick_wakes(true, true));
	/* Once. */
	ring_store(&queue->rings.client->wake, 1);
	schedule_now(&queue->schedule);
	queue_turn(queue);
	assert_int_equal(ring_load(&queue->rings.client->wake), 1);
}

static void and_not_before(void **state)
{
	(void)state;
	assert_false(kick_wakes(true, false));
}

static void and_not_if_it_has_read_everything(void **state)
{
	(void)state;
	assert_false(kick_wakes(false, true));
}

/* Refills that the pump itself takes make room as well. */
static void room_that_the_pump_makes_wakes_too(void **state)
{
	(void)state;
	fake.completion_at = 1;
	queue_turn(queue);
	ring_store(&queue->rings.client->wake, 1);
	ring_store((void *)(queue->rings.rq + queue->rings.layout.rq_tail), 1);
	schedule_now(&queue->schedule);
	queue_turn(queue);
	assert_int_equal(ring_load(&queue->rings.client->wake), 0);
}

/* Its reader is awake and need not read it. */
static void sockets_go_on_though_a_wake_up_lies_unread(void **state)
{
	(void)state;
	struct flow *f;
	char datagram[512];
	for (int i = 0; i <= CHANNEL_SOCKETS; i++) {
		assert_int_equal(flow_new(&f, queue, dup(sock[1]), &answer), REASON_NONE);
		f->state = FLOW_OPENING;
		flows_link(f);
		channel_tell(queue, f);
		assert_int_equal(f->state, i < CHANNEL_SOCKETS ? FLOW_IDLE : FLOW_OPENING);
	}
	for (int i = 0; i < CHANNEL_SOCKETS; i++)
		assert_true(recv(channel, datagram, sizeof(datagram), MSG_DONTWAIT) > 1);
	ring_store(&queue->rings.client->wake, 1);
	channel_wake(queue);
	channel_flush(queue);
	assert_int_equal(f->state, FLOW_IDLE);
	assert_int_equal(recv(channel, datagram, sizeof(datagram), MSG_DONTWAIT), 1);
}

/* Without memory for what finds no room in the CQ the kernel drops it. */
static void a_queue_that_lost_completions_is_lost_and_closes(void **state)
{
	(void)state;
	for (int i = 0; i < 2; i++) {
		struct flow *f;
		assert_int_equal(flow_new(&f, queue, dup(sock[1]), &answer), REASON_NONE);
		flows_link(f);
		f->state = FLOW_ARMED; /* and its receive has ended, */
		f->cancelling = i;     /* by a cancellation */
	}
	queue_turn(queue);
	assert_int_equal(queue->lost.error, 0);
	*queue->ring.io.cq.koverflow = 1;
	schedule_now(&queue->schedule);
	for (int i = 0; i < 8 && queue->schedule.active; i++)
		queue_turn(queue);
	assert_int_equal(queue->lost.error, -EBADR);
	assert_int_equal(queue->life, LIFE_QUIET);
}

/* ... however many there were: nothing has to be heard of an operation. */
static void a_queue_closes_though_nobody_hears_of_its_operations(void **state)
{
	(void)state;
	struct flow *f;
	assert_int_equal(flow_new(&f, queue, dup(sock[1]), &answer), REASON_NONE);
	f->why_copied = "this is a test";
	fake.buffers = 1;
	flow_open(f);
	queue_turn(queue);
	assert_int_equal(f->state, FLOW_ARMED);
	fake.deaf = true;
	life_close(queue);
	queue_turn(queue);
	assert_int_equal(queue->life, LIFE_QUIET);
	assert_true(TAILQ_EMPTY(&queue->flows));
	assert_int_equal(send(sock[0], "x", 1, MSG_NOSIGNAL), 1); /* and wakes nobody */
	uint32_t tail = *queue->ring.io.cq.ktail;
	uring_enter(&queue->ring);
	assert_int_equal(*queue->ring.io.cq.ktail, tail);
}

static void what_a_listener_cannot_accept_it_tries_later(void **state)
{
	(void)state;
	struct flow *f;
	assert_int_equal(control_open(queue), 0);
	assert_int_equal(flow_new(&f, queue, dup(sock[1]), &answer), REASON_NONE);
	assert_int_equal(flow_listen(f, &answer), REASON_NONE);
	flows_link(f);
	for (int i = 0; i < 2; i++) {
		f->state = FLOW_ARMED;
		queue->retry = false;
		listener_accepted(f, i ? -ECONNABORTED : -EPERM);
		assert_int_equal(f->state, i ? FLOW_ARMED : FLOW_IDLE);
		assert_int_equal(queue->retry, !i);
	}
}

/* With a backend that copies, EFAULT means that the area has no memory. */
static void an_area_without_memory_is_told_as_that(void **state)
{
	(void)state;
	struct flow *f;
	static const struct backend_ops copies = {.copies = true};
	const struct backend_ops *const kinds[] = {&copies, queue->backend->ops};
	for (int i = 0; i < 2; i++) {
		assert_int_equal(flow_new(&f, queue, dup(sock[1]), &answer), REASON_NONE);
		flows_link(f);
		f->state = FLOW_ARMED;
		queue->backend->ops = kinds[i];
		flow_received(f, &(struct io_uring_cqe){.user_data = f->id, .res = -EFAULT});
		assert_int_equal(f->reason, i ? REASON_UNPLACEABLE : REASON_AREA_MEMORY);
	}
}

/* An edge-triggered watcher, such as a multishot receive, is woken again for data that still waits.
 */
static void expect_second_edge(void (*happens)(int peer))
{
	struct flow *f;
	struct epoll_event e = {.events = EPOLLIN | EPOLLET};
	int peer, epoll = epoll_create1(EPOLL_CLOEXEC);
	assert_int_equal(flow_new(&f, queue, fixture_tcp(&peer), &answer), REASON_NONE);
	assert_int_equal(epoll_ctl(epoll, EPOLL_CTL_ADD, f->sock, &e), 0);
	happens(peer);
	assert_int_equal(epoll_wait(epoll, &e, 1, 1000), 1);
	flows_link(f);
	f->state = FLOW_ARMED;
	nudge_note(f);
	queue_turn(queue);
	assert_false(queue->schedule.active);
	assert_int_equal(epoll_wait(epoll, &e, 1, 0), 0);
	assert_int_not_equal(queue->schedule.look_ns, 0);
	while (clock_ns() < queue->schedule.look_ns)
		usleep(1000);
	queue_turn(queue);
	assert_int_equal(epoll_wait(epoll, &e, 1, 0), 1);
	assert_int_equal(queue->schedule.look_ns, 0);
	close(epoll);
	close(peer);
}

static void data_comes(int peer)
{
	assert_int_equal(send(peer, "x", 1, 0), 1);
}

static void reset_comes(int peer)
{
	assert_int_equal(connect(peer, &(struct sockaddr){.sa_family = AF_UNSPEC},
				 sizeof(struct sockaddr)),
			 0);
}

static void data_that_a_receive_may_have_overlooked_wakes_it_later(void **state)
{
	(void)state;
	expect_second_edge(data_comes);
}

static void an_end_that_a_receive_may_have_overlooked_wakes_it_later(void **state)
{
	(void)state;
	expect_second_edge(reset_comes);
}

#define CASE(f) cmocka_unit_test_setup_teardown(f, fixture_open, fixture_close)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(what_waits_for_a_buffer_gets_one_that_came_before_sleep),
		CASE(what_waits_for_the_client_since_the_last_look_has_it_kicked),
		CASE(a_client_that_sleeps_is_woken_to_bury_its_dead),
		CASE(a_client_that_waits_for_room_is_woken_when_it_came),
		CASE(and_not_before),
		CASE(and_not_if_it_has_read_everything),
		CASE(room_that_the_pump_makes_wakes_too),
		CASE(sockets_go_on_though_a_wake_up_lies_unread),
		CASE(data_that_a_receive_may_have_overlooked_wakes_it_later),
		CASE(an_end_that_a_receive_may_have_overlooked_wakes_it_later),
		CASE(a_queue_that_lost_completions_is_lost_and_closes),
		CASE(a_queue_closes_though_nobody_hears_of_its_operations),
		CASE(what_a_listener_cannot_accept_it_tries_later),
		CASE(an_area_without_memory_is_told_as_that),
		CASE(a_turn_that_finds_nothing_is_the_last),
	};
	return cmocka_run_group_tests_name("turn", tests, NULL, NULL);
}
