/* SPDX-License-Identifier: MIT */
/* What clients cause to be logged: some lines, then a count, and one share for a flood of users. */
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/clock.h"
#include "daemon/grant/log_client.h"

enum {
	LINES_MAX = 10,
	USERS_MAX = 64,
	MINUTE_S = 60
};

static FILE *log_file;
static int real_stderr;

static int setup(void **state)
{
	(void)state;
	log_file = tmpfile();
	fflush(stderr);
	real_stderr = dup(STDERR_FILENO);
	dup2(fileno(log_file), STDERR_FILENO);
	return log_client_init();
}

static int teardown(void **state)
{
	(void)state;
	log_client_done();
	dup2(real_stderr, STDERR_FILENO);
	close(real_stderr);
	fclose(log_file);
	return 0;
}

/* How many lines with that in them there are by now. */
static unsigned lines(const char *with)
{
	char line[600];
	unsigned n = 0;
	rewind(log_file);
	while (fgets(line, sizeof(line), log_file))
		n += strstr(line, with) != NULL;
	return n;
}

static void say(uid_t uid, const char *class, enum log_cause cause, int times)
{
	for (int i = 0; i < times; i++)
		log_client(6, uid, class, cause, "of %u, %s, %d", (unsigned)uid, class, cause);
}

static uint64_t timer_seconds(void)
{
	struct itimerspec t;
	assert_int_equal(timerfd_gettime(log_client_fd(), &t), 0);
	return (uint64_t)t.it_value.tv_sec + (t.it_value.tv_nsec > 0);
}

static void a_user_has_some_lines_for_each_cause(void **state)
{
	(void)state;
	say(1, "a", LOG_REQUEST_REFUSED, 100);
	say(1, "b", LOG_REQUEST_REFUSED, 3);
	say(2, "a", LOG_REQUEST_REFUSED, LINES_MAX);
	say(1, "a", LOG_REPLIES_UNREAD, 4);
	assert_int_equal(lines("of 1, a, 2"), LINES_MAX);
	assert_int_equal(lines("of 1, b, 2"), 3);
	assert_int_equal(lines("of 2, a, 2"), LINES_MAX);
	assert_int_equal(lines("of 1, a, 3"), 4);
	assert_int_equal(lines("left out"), 0);
}

static void what_was_left_out_is_counted_when_the_minute_is_over(void **state)
{
	(void)state;
	say(1, "a", LOG_REQUEST_REFUSED, LINES_MAX);
	assert_int_equal(timer_seconds(), 0); /* whoever is idle is not woken */
	say(1, "a", LOG_REQUEST_REFUSED, 90);
	assert_in_range(timer_seconds(), MINUTE_S - 30, MINUTE_S);
	log_client_turn(clock_ns());
	assert_int_equal(lines("left out"), 0);
	log_client_turn(clock_ns() + MINUTE_S * 1000000000ull);
	assert_int_equal(lines("uid 1, class a: 90 more lines left out: request refused"), 1);
	assert_int_equal(timer_seconds(), 0);
	say(1, "a", LOG_REQUEST_REFUSED, 1);
	assert_int_equal(lines("of 1, a, 2"), LINES_MAX + 1);
}

static void a_flood_of_users_shares_what_one_has(void **state)
{
	(void)state;
	for (uid_t uid = 0; uid < 5000; uid++)
		say(uid, "", LOG_CONNECTION_REFUSED, 1);
	assert_int_equal(lines("of "), USERS_MAX + LINES_MAX);
	log_client_done();
	assert_int_equal(lines("further users: 4926 more lines left out: connection refused"), 1);
}

static void what_is_not_shown_takes_no_share(void **state)
{
	(void)state;
	for (int i = 0; i < 100; i++)
		log_client(7, 1, "a", LOG_CONNECTED, "only with --verbose");
	log_client_done();
	assert_int_equal(lines(""), 0);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(a_user_has_some_lines_for_each_cause),
		CASE(what_was_left_out_is_counted_when_the_minute_is_over),
		CASE(a_flood_of_users_shares_what_one_has),
		CASE(what_is_not_shown_takes_no_share),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
