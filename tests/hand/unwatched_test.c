/* SPDX-License-Identifier: MIT */
/* Hands that cannot be watched: the linker puts the functions of here in the place of those that
 * fail. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <sys/pidfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/clock.h"
#include "tests/hand/fixture.h"

int __real_pidfd_open(pid_t pid, unsigned flags);
int __wrap_pidfd_open(pid_t pid, unsigned flags);
int __real_sd_event_add_io(sd_event *event, sd_event_source **ret, int fd, uint32_t events,
			   sd_event_io_handler_t handler, void *data);
int __wrap_sd_event_add_io(sd_event *event, sd_event_source **ret, int fd, uint32_t events,
			   sd_event_io_handler_t handler, void *data);

static bool no_pidfd;
static int sources_left = -1; /* so many can be made; -1: any number */

int __wrap_pidfd_open(pid_t pid, unsigned flags)
{
	errno = EMFILE;
	return no_pidfd ? -1 : __real_pidfd_open(pid, flags);
}

int __wrap_sd_event_add_io(sd_event *event, sd_event_source **ret, int fd, uint32_t events,
			   sd_event_io_handler_t handler, void *data)
{
	if (sources_left == 0)
		return -ENOMEM;
	sources_left -= sources_left > 0;
	return __real_sd_event_add_io(event, ret, fd, events, handler, data);
}

static bool is_any(pid_t pid)
{
	return pid > 0;
}

/* Its job is never given, so it would wait until its deadline. */
static void is_left_behind_by_none(int error)
{
	struct outcome o = {.fd = -1};
	int pair[2];
	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair), 0);
	const struct hand_order order = {.job = &facts_job,
					 .fds = pair,
					 .nfds = 1,
					 .payer = PAYER,
					 .deadline_ms = LIMIT_MS,
					 .calls = &calls,
					 .owner = &o};
	assert_int_equal(hand_start(NULL, hands, &order), error);
	no_pidfd = false;
	sources_left = -1;
	int64_t until = clock_until(LIMIT_MS);
	while (children_that(is_any, NULL) > 0 && clock_left(until))
		assert_true(sd_event_run(loop, TICK_US) >= 0);
	assert_int_equal(children_that(is_any, NULL), 0);
	assert_int_equal(hands_held(hands, PAYER), 0);
	assert_int_equal(o.calls, 0);
	close(pair[0]);
	close(pair[1]);
}

static void one_without_a_pidfd_is_waited_for(void **state)
{
	(void)state;
	no_pidfd = true;
	is_left_behind_by_none(-EMFILE);
}

static void one_that_the_loop_does_not_watch_is_waited_for(void **state)
{
	(void)state;
	for (int i = 0; i < 2; i++) {
		sources_left = i;
		is_left_behind_by_none(-ENOMEM);
	}
}

#define CASE(function) cmocka_unit_test_setup_teardown(function, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(one_without_a_pidfd_is_waited_for),
		CASE(one_that_the_loop_does_not_watch_is_waited_for),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
