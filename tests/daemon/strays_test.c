/* SPDX-License-Identifier: MIT */
/*
 * Children that nobody watches. The linker puts the functions of here in the place of those that
 * make a pidfd and send a signal: a child that is not killed stands for one that is stuck.
 */
#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/clock.h"
#include "daemon/broker/pump_list.h"
#include "daemon/broker/pump_start.h"

#define LIMIT_MS 60000
#define TICK_US  5000

int __real_kill(pid_t pid, int signal);
int __wrap_kill(pid_t pid, int signal);
int __wrap_pidfd_open(pid_t pid, unsigned flags);

static struct pumps all;
static bool is_stuck;
static pid_t killed;

int __wrap_kill(pid_t pid, int signal)
{
	killed = pid;
	return is_stuck ? 0 : __real_kill(pid, signal);
}

int __wrap_pidfd_open(pid_t pid, unsigned flags)
{
	(void)pid, (void)flags;
	errno = EMFILE;
	return -1;
}

static int setup(void **state)
{
	static char path[] = "/proc/self/exe", records[] = ".";
	(void)state;
	is_stuck = true;
	killed = 0;
	all = (struct pumps){.path = path, .records = records, .wake = -1};
	TAILQ_INIT(&all.list);
	return sd_event_new(&all.event) < 0 || strays_init(&all.strays, all.event) < 0;
}

static int teardown(void **state)
{
	(void)state;
	strays_done(&all.strays);
	sd_event_unref(all.event);
	return 0;
}

static bool has_child(void)
{
	siginfo_t info;
	return waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT) == 0;
}

/* It is stuck for a while: nobody waits for it. Then it is gone, and no zombie is left. */
static void is_waited_for_by_the_loop(void)
{
	assert_true(killed > 0);
	for (int i = 0; i < 10; i++)
		assert_true(sd_event_run(all.event, TICK_US) >= 0);
	assert_true(has_child());
	__real_kill(killed, SIGKILL);
	int64_t until = clock_until(LIMIT_MS);
	while (has_child() && clock_left(until))
		assert_true(sd_event_run(all.event, TICK_US) >= 0);
	assert_false(has_child());
	assert_true(LIST_EMPTY(&all.strays.list));
}

static void a_child_that_is_stuck_keeps_nobody_waiting(void **state)
{
	struct stray *s = malloc(sizeof(*s));
	pid_t pid = fork();
	(void)state;
	while (pid == 0)
		pause();
	strays_add(&all.strays, s, pid);
	is_waited_for_by_the_loop();
}

static void a_pump_that_cannot_be_watched_keeps_nobody_waiting(void **state)
{
	struct client_identity who = {.uid = getuid(), .class = "default"};
	int pair[2];
	(void)state;
	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair), 0);
	assert_int_equal(pump_start(&all, pair[0], 1, &who), -EMFILE);
	is_waited_for_by_the_loop();
	assert_true(TAILQ_EMPTY(&all.list));
	close(pair[0]);
	close(pair[1]);
}

#define CASE(function) cmocka_unit_test_setup_teardown(function, setup, teardown)

/* Also the pump, which says nothing. */
int main(int argc, char **argv)
{
	if (argc == 1 && strcmp(argv[0], "zcrx-pump") == 0) {
		alarm(LIMIT_MS / 1000);
		pause();
		return 1;
	}
	const struct CMUnitTest tests[] = {
		CASE(a_child_that_is_stuck_keeps_nobody_waiting),
		CASE(a_pump_that_cannot_be_watched_keeps_nobody_waiting),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
