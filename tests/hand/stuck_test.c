/* SPDX-License-Identifier: MIT */
/* Hands that a client's object keeps waiting for ever. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/clock.h"
#include "tests/hand/fixture.h"

static bool need_root(void)
{
	if (geteuid() == 0)
		return true;
	print_message("skip: only root may have page faults of the kernel served, and mount\n");
	return false;
}

static int tick(sd_event_source *source, uint64_t usec, void *data)
{
	unsigned *ticks = data;
	(void)usec;
	(*ticks)++;
	sd_event_source_set_time_relative(source, TICK_US);
	return sd_event_source_set_enabled(source, SD_EVENT_ONESHOT);
}

/* Until one more of the payer's hands is stuck before it answers. */
static void stick(const struct stand_in *p, const struct given *g)
{
	struct outcome o = {.verdict = 0};
	unsigned before = hands_held(hands, PAYER);
	for (uint64_t deadline = DEADLINE; deadline < LIMIT_MS; deadline *= 2) {
		start_given(&o, p, g, PAYER, deadline);
		wait_for(&o);
		assert_int_equal(o.reply.fault, HAND_LATE);
		if (got_stuck(before, deadline))
			return;
	}
	fail_msg("no hand got stuck");
}

/* Until one more of the payer's hands is stuck after it has answered: one that is killed before it
 * closes anything just ends. */
static enum hand_fault answer_and_stick(const struct stand_in *p, const struct given *g)
{
	struct outcome o = {.verdict = 0};
	unsigned before = hands_held(hands, PAYER);
	for (unsigned pause_ms = 1; pause_ms < LIMIT_MS; pause_ms *= 4) {
		start_given(&o, p, g, PAYER, LIMIT_MS);
		wait_for(&o);
		usleep(1000 * pause_ms);
		hands_kill(hands);
		if (got_stuck(before, DEADLINE))
			return o.reply.fault;
	}
	fail_msg("no hand got stuck");
	return HAND_DONE;
}

static void a_ring_whose_lock_is_held_holds_nobody_else(void **state)
{
	struct stand_in p, other;
	struct outcome o = {.verdict = 0};
	unsigned ticks = 0;
	sd_event_source *timer;
	(void)state;
	if (!need_root())
		skip();
	stand_in_start(&p, NULL, true);
	stand_in_start(&other, NULL, false);
	struct given g = zcrx_job(&p, "lo");
	assert_true(sd_event_add_time_relative(loop, &timer, CLOCK_MONOTONIC, TICK_US, 1, tick,
					       &ticks) >= 0);
	for (unsigned i = 0; i < HANDS_EACH_MAX; i++)
		stick(&p, &g);
	assert_true(ticks > 3);
	/* They are killed, cannot die, and count. */
	assert_int_equal(hands_held(hands, PAYER), HANDS_EACH_MAX);
	assert_int_equal(try_given(&o, &p, &g, PAYER, DEADLINE), -EDQUOT);
	g = zcrx_job(&other, "lo");
	start_given(&o, &other, &g, PAYER + 1, LIMIT_MS);
	wait_for(&o);
	assert_int_equal(o.reply.fault, HAND_KERNEL);
	assert_int_equal(hands_held(hands, PAYER), HANDS_EACH_MAX);
	/* They go with the pump. */
	stand_in_end(&p);
	wait_for_nobody();
	stand_in_end(&other);
	sd_event_source_disable_unref(timer);
}

static void files_that_do_not_answer_hold_nobody(void **state)
{
	struct stand_in p;
	const char *file;
	(void)state;
	struct fuse *fuse = geteuid() == 0 ? fuse_start(&file) : NULL;
	if (!fuse) {
		print_message("skip: no file system of FUSE can be mounted here\n");
		skip();
	}
	stand_in_start(&p, file, false);
	assert_true(p.fuse >= 0);
	struct given g = zcrx_job(&p, "lo");
	g.job.zcrx.ring = p.fuse;
	enum hand_fault ring = answer_and_stick(&p, &g);
	g = zcrx_job(&p, "lo");
	g.second = p.fuse;
	enum hand_fault area = answer_and_stick(&p, &g);
	g = files_job(p.fuse, -1);
	enum hand_fault alone = answer_and_stick(&p, &g);
	/* Each has answered, and cannot close what it had. */
	assert_int_equal(ring, HAND_NOT_A_RING);
	assert_int_equal(area, HAND_NOT_MEMORY);
	assert_int_equal(alone, HAND_NOT_MEMORY);
	assert_int_equal(hands_held(hands, PAYER), 3);
	/* One that has done its job, and cannot close what came along, does not answer. */
	g = (struct given){.job = facts_job, .first = p.socket, .second = p.fuse};
	stick(&p, &g);
	fuse_end(fuse);
	wait_for_nobody();
	stand_in_end(&p);
}

#define CASE(function) cmocka_unit_test_setup_teardown(function, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(a_ring_whose_lock_is_held_holds_nobody_else),
		CASE(files_that_do_not_answer_hold_nobody),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
