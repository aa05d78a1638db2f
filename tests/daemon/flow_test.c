/* SPDX-License-Identifier: MIT */
/* What becomes of a flow's socket. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "daemon/pump/flow.h"
#include "daemon/pump/flows.h"
#include "daemon/pump/life.h"
#include "daemon/pump/listener.h"
#include "daemon/pump/turn.h"
#include "proto/reason.h"
#include "tests/daemon/fixture.h"

/* A flow of a client that has a descriptor of its own, whose rule is slow to be deleted. */
static struct flow *steered(int *ret_peer, int *ret_own)
{
	struct flow *f;
	assert_int_equal(flow_new(&f, queue, fixture_tcp(ret_peer), &answer), REASON_NONE);
	*ret_own = dup(f->sock);
	flows_link(f);
	flows_set_state(f, FLOW_IDLE);
	f->leaving = 1;
	return f;
}

/* The queue closes, and no longer waits for the rule. Was the connection reset? */
static bool queue_resets(int peer, int own)
{
	char byte;
	life_close(queue);
	while (queue->life != LIFE_QUIET)
		queue_turn(queue);
	bool is_reset = recv(peer, &byte, 1, MSG_DONTWAIT) < 0 && errno == ECONNRESET;
	close(peer);
	close(own);
	return is_reset;
}

static void a_close_that_resets_resets_once_the_queue_goes(void **state)
{
	(void)state;
	int peer, own;
	struct flow *f = steered(&peer, &own);
	flow_close(f, true);
	assert_int_equal(f->state, FLOW_DEAD);
	assert_true(queue_resets(peer, own));
}

/* ... but not a stream that was over before. */
static void a_close_after_the_end_resets_nothing(void **state)
{
	(void)state;
	int peer, own;
	struct flow *f = steered(&peer, &own);
	flow_end(f, 0, REASON_PEER);
	flow_close(f, true);
	assert_int_equal(f->state, FLOW_DEAD);
	assert_false(queue_resets(peer, own));
}

static void an_ended_stream_is_not_reset_with_its_queue(void **state)
{
	(void)state;
	int peer, own;
	struct flow *f = steered(&peer, &own);
	flow_end(f, 0, REASON_PEER);
	assert_int_equal(f->state, FLOW_ENDED);
	assert_false(queue_resets(peer, own));
}

static int mark_of(int fd)
{
	int mark = 0;
	socklen_t len = sizeof(mark);
	assert_int_equal(getsockopt(fd, SOL_SOCKET, SO_RCVLOWAT, &mark, &len), 0);
	return mark;
}

/* An accepted connection has its listener's. */
static void a_flow_begins_without_a_low_water_mark(void **state)
{
	(void)state;
	const int high = 65536;
	for (int accepted = 0; accepted < 2; accepted++) {
		struct flow *f, *listener;
		int peer, tcp = fixture_tcp(&peer), own = dup(tcp);
		assert_int_equal(setsockopt(tcp, SOL_SOCKET, SO_RCVLOWAT, &high, sizeof(high)), 0);
		assert_int_equal(flow_new(&f, queue, accepted ? -1 : tcp, &answer), REASON_NONE);
		f->why_copied = "this is a test";
		if (accepted) {
			assert_int_equal(flow_new(&listener, queue, -1, &answer), REASON_NONE);
			listener->accepting = f;
			listener->paused = true;
			flows_link(listener);
			listener_accepted(listener, tcp);
		} else {
			flow_open(f);
		}
		assert_int_equal(mark_of(own), 1);
		close(peer);
		close(own);
	}
}

#define CASE(f) cmocka_unit_test_setup_teardown(f, fixture_open, fixture_close)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(a_close_that_resets_resets_once_the_queue_goes),
		CASE(a_close_after_the_end_resets_nothing),
		CASE(an_ended_stream_is_not_reset_with_its_queue),
		CASE(a_flow_begins_without_a_low_water_mark),
	};
	return cmocka_run_group_tests_name("flow", tests, NULL, NULL);
}
