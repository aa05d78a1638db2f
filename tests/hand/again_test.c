/* SPDX-License-Identifier: MIT */
/* Hands that take one job after another. */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/clock.h"
#include "tests/hand/fixture.h"

static void wait_until_there_are(unsigned n)
{
	int64_t until = clock_until(LIMIT_MS);
	while (children_that(is_hand, NULL) != n && clock_left(until))
		assert_true(sd_event_run(loop, TICK_US) >= 0);
	assert_int_equal(children_that(is_hand, NULL), n);
}

static void takes_the_next_job_of_its_payer(void **state)
{
	struct stand_in p;
	struct outcome o = {.verdict = 0};
	int pair[2];
	(void)state;
	stand_in_start(&p, NULL, false);
	connection(pair);
	struct given memory = files_job(p.area, p.refills), queue = zcrx_job(&p, "lo");
	facts_of(&o, pair[0]);
	pid_t last = hand_find();
	unsigned again = 0;
	/* Where the machine is so busy that 0.2 s pass meanwhile there is another one. */
	for (int i = 0; i < 10; i++) {
		run_given(&o, &p, &memory);
		assert_int_equal(o.reply.fault, HAND_DONE);
		assert_int_equal(o.shown, 2);
		facts_of(&o, pair[0]);
		assert_int_equal(o.reply.fault, HAND_DONE);
		again += hand_find() == last;
		last = hand_find();
	}
	assert_true(again > 0);
	/* Another payer's has one of its own. */
	start_given(&o, &p, &memory, PAYER + 1, LIMIT_MS);
	wait_for(&o);
	assert_int_equal(o.reply.fault, HAND_DONE);
	/* The job of a queue has the pump's pidfd, too; the hand ends after it. */
	run_given(&o, &p, &queue);
	assert_int_equal(o.reply.fault, HAND_KERNEL);
	/* Without another job it ends, too. */
	wait_until_there_are(0);
	stand_in_end(&p);
	close(pair[0]);
	close(pair[1]);
}

static void each_job_has_a_deadline(void **state)
{
	struct outcome o;
	int pair[2];
	(void)state;
	connection(pair);
	facts_of(&o, pair[0]);
	int end = facts_start(&o, NULL, DEADLINE);
	wait_for(&o);
	assert_int_equal(o.reply.fault, HAND_LATE);
	wait_for_nobody();
	close(end);
	facts_of(&o, pair[0]);
	assert_int_equal(o.reply.fault, HAND_DONE);
	close(pair[0]);
	close(pair[1]);
}

/* It has not ended; until then it has its descriptors. */
static bool is_running(pid_t pid)
{
	char path[64], state = 'Z';
	snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
	FILE *f = fopen(path, "re");
	bool read = f && fscanf(f, "%*d (zcrx-hand) %c", &state) == 1;
	if (f)
		fclose(f);
	return read && state != 'Z';
}

static void one_that_died_is_not_waited_for(void **state)
{
	struct outcome o;
	int pair[2];
	(void)state;
	connection(pair);
	facts_of(&o, pair[0]);
	pid_t pid = hand_find();
	if (pid)
		kill(pid, SIGKILL);
	for (int i = 0; i < LIMIT_MS && is_running(pid); i++)
		usleep(1000);
	facts_of(&o, pair[0]);
	assert_int_equal(o.reply.fault, HAND_DONE);
	close(pair[0]);
	close(pair[1]);
}

#define CASE(function) cmocka_unit_test_setup_teardown(function, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(takes_the_next_job_of_its_payer),
		CASE(each_job_has_a_deadline),
		CASE(one_that_died_is_not_waited_for),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
