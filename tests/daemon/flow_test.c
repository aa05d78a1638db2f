/* SPDX-License-Identifier: MIT */
/* What becomes of a flow's socket. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "daemon/pump/flow.h"
#include "daemon/pump/flows.h"
#include "daemon/pump/listener.h"
#include "proto/reason.h"
#include "tests/daemon/fixture.h"

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
		CASE(a_flow_begins_without_a_low_water_mark),
	};
	return cmocka_run_group_tests_name("flow", tests, NULL, NULL);
}
