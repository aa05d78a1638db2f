/* SPDX-License-Identifier: MIT */
/* Hands for what a pump gives: rings and memory that are as they should be, and others. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "tests/hand/fixture.h"

#define YAMA "/proc/sys/kernel/yama/ptrace_scope"

static void shows_a_pumps_memory(void **state)
{
	struct stand_in p;
	struct outcome o = {.verdict = 0};
	(void)state;
	stand_in_start(&p, NULL, false);
	struct given both = files_job(p.area, p.refills);
	run_given(&o, &p, &both);
	assert_int_equal(o.reply.fault, HAND_DONE);
	assert_int_equal(o.shown, 2);
	o.verdict = -EDQUOT;
	run_given(&o, &p, &both);
	assert_int_equal(o.reply.fault, HAND_REFUSED);
	assert_int_equal(o.reply.error, -EDQUOT);
	o.verdict = 0;
	start_given(&o, &p, &both, PAYER, LIMIT_MS);
	wait_for_without_room(&o);
	assert_int_equal(o.reply.fault, HAND_REFUSED);
	wait_for_nobody();
	o.verdict = -EDQUOT;
	struct given queue = zcrx_job(&p, "lo");
	run_given(&o, &p, &queue);
	assert_int_equal(o.shown, 2);
	assert_int_equal(o.reply.fault, HAND_REFUSED); /* and nothing was registered */
	stand_in_end(&p);
}

/* The last descriptor is never the broker's: the hand has one until it was heard. */
static void keeps_what_it_shows_until_it_was_heard(void **state)
{
	struct stand_in p;
	struct outcome o = {.verdict = 0};
	(void)state;
	stand_in_start(&p, NULL, false);
	struct given one = files_job(p.area, -1);
	start_given(&o, &p, &one, PAYER, LIMIT_MS);
	pid_t pid = 0;
	for (int i = 0; i < LIMIT_MS && !(pid = hand_find()); i++)
		usleep(1000);
	while (!o.shown)
		assert_true(sd_event_run(loop, TICK_US) >= 0);
	usleep(100000); /* it has answered by now */
	assert_true(is_hand(pid));
	wait_for(&o);
	wait_for_nobody();
	stand_in_end(&p);
}

static void check_refused(const struct stand_in *p, const struct given *g, enum hand_fault fault)
{
	struct outcome o = {.verdict = 0};
	char text[240];
	run_given(&o, p, g);
	assert_int_equal(o.reply.fault, fault);
	assert_true(o.reply.error < 0);
	hand_sentence(&o.reply, text, sizeof(text));
	assert_true(strlen(text) > 20);
}

static void refuses_rings_and_areas_that_are_something_else(void **state)
{
	struct stand_in p;
	(void)state;
	stand_in_start(&p, NULL, false);
	struct given good = zcrx_job(&p, "lo"), g = good;
	g.job.zcrx.ring = p.socket;
	check_refused(&p, &g, HAND_NOT_A_RING);
	g.job.zcrx.ring = p.area;
	check_refused(&p, &g, HAND_NOT_A_RING);
	g.job.zcrx.ring = OBJECTS_NOT_OPEN;
	check_refused(&p, &g, HAND_NO_DESCRIPTOR);
	g.job.zcrx.ring = -1;
	check_refused(&p, &g, HAND_NO_DESCRIPTOR);
	g = good;
	g.second = p.unsealed;
	check_refused(&p, &g, HAND_NOT_MEMORY);
	g.second = p.socket;
	check_refused(&p, &g, HAND_NOT_MEMORY);
	g.second = p.small;
	check_refused(&p, &g, HAND_TOO_SMALL);
	g.job.zcrx.is_dmabuf = true;
	check_refused(&p, &g, HAND_NOT_MEMORY);
	g = good;
	g.first = p.small;
	check_refused(&p, &g, HAND_TOO_SMALL);
	g.job.zcrx.refills_offset = UINT64_MAX - 4095;
	check_refused(&p, &g, HAND_TOO_SMALL);
	check_refused(&p, &good, HAND_KERNEL); /* lo has no such queue */
	stand_in_end(&p);
}

static void refuses_what_is_not_given(void **state)
{
	struct stand_in p;
	(void)state;
	stand_in_start(&p, NULL, false);
	struct given g = zcrx_job(&p, "lo");
	g.second = -1;
	check_refused(&p, &g, HAND_NOT_GIVEN);
	g.first = -1;
	check_refused(&p, &g, HAND_NOT_GIVEN);
	g = files_job(p.unsealed, -1);
	check_refused(&p, &g, HAND_NOT_MEMORY);
	g = (struct given){.job = {.kind = HAND_DEVMEM, .devmem = {.ifindex = 1, .n = 1}},
			   .first = p.area,
			   .second = -1};
	check_refused(&p, &g, HAND_NOT_MEMORY);
	g.first = -1;
	check_refused(&p, &g, HAND_NOT_GIVEN);
	stand_in_end(&p);
}

static int yama(void)
{
	char text[8] = "";
	FILE *f = fopen(YAMA, "re");
	bool read = f && fgets(text, sizeof(text), f);
	if (f)
		fclose(f);
	return read ? (int)strtol(text, NULL, 10) : -1;
}

static void names_yama_where_it_forbids(void **state)
{
	struct stand_in p;
	struct outcome o = {.verdict = 0};
	char text[240], want[64];
	(void)state;
	if (yama() < 2) {
		print_message("skip: kernel.yama.ptrace_scope is not 2 or 3\n");
		skip();
	}
	stand_in_start(&p, NULL, false);
	struct given g = zcrx_job(&p, "lo");
	run_given(&o, &p, &g);
	assert_int_equal(o.reply.fault, HAND_DENIED);
	hand_sentence(&o.reply, text, sizeof(text));
	snprintf(want, sizeof(want), "(kernel.yama.ptrace_scope is %d)", yama());
	assert_non_null(strstr(text, want));
	print_message("%s\n", text);
	stand_in_end(&p);
}

static void registers_a_queue_of_a_real_nic(void **state)
{
	struct stand_in p;
	struct outcome o = {.verdict = 0};
	const char *ifname = getenv("ZCRX_HAND_NIC");
	int enabled = -1;
	(void)state;
	if (!ifname) {
		print_message("skip: no NIC here has queues for zero copy\n");
		skip();
	}
	stand_in_start(&p, NULL, false);
	struct given g = zcrx_job(&p, ifname);
	run_given(&o, &p, &g);
	assert_int_equal(o.reply.error, 0);
	assert_int_equal(o.reply.fault, HAND_DONE);
	assert_true(o.reply.zcrx.rqes > 0);
	stand_in_enable(&p);
	assert_int_equal(read(p.result, &enabled, sizeof(enabled)), sizeof(enabled));
	assert_int_equal(enabled, 0);
	/* The queue is taken, by that ring. */
	struct stand_in second;
	stand_in_start(&second, NULL, false);
	g = zcrx_job(&second, ifname);
	run_given(&o, &second, &g);
	assert_int_equal(o.reply.fault, HAND_KERNEL);
	stand_in_end(&second);
	stand_in_end(&p);
}

#define CASE(function) cmocka_unit_test_setup_teardown(function, setup, teardown)

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		CASE(shows_a_pumps_memory),
		CASE(keeps_what_it_shows_until_it_was_heard),
		CASE(refuses_rings_and_areas_that_are_something_else),
		CASE(refuses_what_is_not_given),
		CASE(names_yama_where_it_forbids),
		CASE(registers_a_queue_of_a_real_nic),
	};
	if (argc > 1)
		cmocka_set_test_filter(argv[1]);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
