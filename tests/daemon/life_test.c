/* SPDX-License-Identifier: MIT */
/* The states of a queue, and the steps between them. */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "daemon/pump/life.h"

/* In a process of its own, which an illegal step ends. */
static bool steps(enum life from, enum life to)
{
	int status = 0;
	pid_t pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		struct queue q = {.life = from};
		setrlimit(RLIMIT_CORE, &(struct rlimit){0});
		signal(SIGABRT, SIG_DFL);
		close(STDERR_FILENO);
		life_step(&q, to);
		_exit(q.life != to);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

static void no_step_is_possible_but_to_the_next_state(void **state)
{
	(void)state;
	for (int from = LIFE_MADE; from <= LIFE_GONE; from++)
		for (int to = LIFE_MADE; to <= LIFE_GONE; to++)
			assert_int_equal(steps((enum life)from, (enum life)to),
					 to == from + 1 || (from == LIFE_QUIET && to == LIFE_GONE));
}

static void a_queue_closes_once_and_has_one_turn_more(void **state)
{
	struct queue q = {.life = LIFE_RUNNING};
	(void)state;
	assert_false(queue_is_closing(&q));
	schedule_rest(&q.schedule);
	life_close(&q);
	assert_int_equal(q.life, LIFE_CLOSING);
	assert_true(queue_is_closing(&q));
	assert_int_equal(schedule_when(&q.schedule), 0);
	schedule_rest(&q.schedule);
	life_close(&q);
	assert_true(schedule_when(&q.schedule) == SCHEDULE_NEVER);
}

static void the_first_reason_for_a_loss_is_told(void **state)
{
	struct queue q = {.life = LIFE_RUNNING};
	(void)state;
	life_lose(&q, -1, 2, "three");
	life_lose(&q, -4, 5, NULL);
	assert_int_equal(q.life, LIFE_CLOSING);
	assert_int_equal(q.lost.error, -1);
	assert_int_equal(q.lost.reason, 2);
	assert_string_equal(q.lost.text, "three");
}

static void a_queue_that_closes_is_not_lost_as_well(void **state)
{
	struct queue q = {.life = LIFE_RUNNING};
	(void)state;
	life_close(&q);
	life_lose(&q, -1, 2, NULL);
	assert_int_equal(q.lost.error, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(no_step_is_possible_but_to_the_next_state),
		cmocka_unit_test(a_queue_closes_once_and_has_one_turn_more),
		cmocka_unit_test(the_first_reason_for_a_loss_is_told),
		cmocka_unit_test(a_queue_that_closes_is_not_lost_as_well),
	};
	return cmocka_run_group_tests_name("life", tests, NULL, NULL);
}
