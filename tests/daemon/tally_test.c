/* SPDX-License-Identifier: MIT */
/* What a queue with a side buffer says of flows whose bytes are copied. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "base/counter.h"
#include "daemon/pump/flow.h"
#include "daemon/pump/flows.h"
#include "daemon/pump/tally.h"
#include "proto/reason.h"
#include "tests/daemon/fixture.h"

#define BIG (256 << 10)

static struct flow *steered(void)
{
	struct flow *f;
	assert_int_equal(flow_new(&f, queue, sock[1], &answer), REASON_NONE);
	flows_link(f);
	flows_set_why_copied(f, NULL);
	return f;
}

static void came(const struct flow *f, int bytes, uint32_t flags)
{
	static struct side *const some = (struct side *)1;
	rings_complete(&queue->rings, &(struct ring_cqe){.user_data = f->id,
							 .res = bytes,
							 .flags = flags | IORING_CQE_F_MORE});
	rings_complete_show(&queue->rings);
	queue->side = some;
	tally(queue, queue->scanned + 1);
	queue->side = NULL;
	queue->scanned++;
}

static void copied(const struct flow *f, int bytes)
{
	came(f, bytes, IORING_CQE_F_BUFFER);
}

static void a_flow_that_is_all_copied_is_said_to_be(void **state)
{
	(void)state;
	struct flow *f = steered();
	copied(f, BIG - 1);
	assert_false(f->copied_whole);
	copied(f, 1);
	assert_true(f->copied_whole);
	came(f, 1, 0);
	assert_false(f->copied_whole);
}

static void what_came_before_the_rules_stood_says_nothing(void **state)
{
	(void)state;
	struct flow *f = steered();
	tally_judge(f, TALLY_NOT_YET);
	copied(f, BIG);
	copied(f, BIG);
	assert_false(f->copied_whole);
	tally_judge(f, BIG + 10); /* these wait in the socket */
	copied(f, BIG);
	copied(f, 9 + BIG);
	assert_false(f->copied_whole);
	copied(f, 1);
	assert_true(f->copied_whole);
	tally_judge(f, TALLY_NOT_YET);
	assert_false(f->copied_whole);
}

/* What zcrx tells of an event has a result, too, and no flow. */
static void an_event_is_no_data(void **state)
{
	(void)state;
	rings_complete(&queue->rings, &(struct ring_cqe){.user_data = 1ull << 34, .res = 1});
	rings_complete_show(&queue->rings);
	struct tally t = tally(queue, queue->scanned + 1);
	queue->scanned++;
	assert_int_equal(t.data, 0);
	assert_int_equal(t.ends, 1);
	assert_int_equal(count_get(&queue->rings.daemon->bytes), 0);
	assert_int_equal(count_get(&queue->rings.daemon->completions), 0);
}

#define CASE(f) cmocka_unit_test_setup_teardown(f, fixture_open, fixture_close)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(a_flow_that_is_all_copied_is_said_to_be),
		CASE(what_came_before_the_rules_stood_says_nothing),
		CASE(an_event_is_no_data),
	};
	return cmocka_run_group_tests_name("tally", tests, NULL, NULL);
}
