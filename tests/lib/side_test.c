/* SPDX-License-Identifier: MIT */
/* What is out of a side buffer, and in which order it can go back. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "lib/side.h"

enum {
	SLOT = 4096,
	SLOTS = 4
};

static char memory[SLOTS * SLOT];
static struct side side;

static int setup(void **state)
{
	(void)state;
	memset(&side, 0, sizeof(side));
	side.map = memory;
	side.bytes = sizeof(memory);
	side.slot_bytes = SLOT;
	return 0;
}

static void places_lie_within_one_slot(void **state)
{
	(void)state;
	uint64_t off;
	assert_true(side_place(&side, 0, 0, SLOT, &off));
	assert_int_equal(off, 0);
	assert_true(side_place(&side, 3, 96, 4000, &off));
	assert_int_equal(off, 3 * SLOT + 96);
	assert_false(side_place(&side, 4, 0, 1, &off));
	assert_false(side_place(&side, 0, 1, SLOT, &off));
	assert_false(side_place(&side, 0, SLOT + 1, 0, &off));
	assert_false(side_place(&side, 0, UINT64_MAX, 1, &off));
	side.map = NULL;
	assert_false(side_place(&side, 0, 0, 1, &off));
}

static void the_head_moves_in_the_order_they_came(void **state)
{
	(void)state;
	for (uint32_t i = 0; i < 4; i++)
		side_out(&side, i * SLOT);
	side_back(&side, 2 * SLOT);
	side_back(&side, 1 * SLOT);
	assert_int_equal(side.head, 0);
	side_back(&side, 0);
	assert_int_equal(side.head, 3);
	side_back(&side, 3 * SLOT);
	assert_int_equal(side.head, 4);
}

static void what_is_not_out_changes_nothing(void **state)
{
	(void)state;
	side_out(&side, 0);
	side_back(&side, SLOT);
	side_back(&side, SIDE_BACK);
	assert_int_equal(side.head, 0);
	side_back(&side, 0);
	side_back(&side, 0);
	assert_int_equal(side.head, 1);
}

static void it_can_be_full(void **state)
{
	(void)state;
	side.head = side.tail = UINT32_MAX - 10; /* and wraps */
	for (uint32_t i = 0; i < RING_SIDE_MAX; i++) {
		assert_true(side_has_room(&side));
		side_out(&side, i);
	}
	assert_false(side_has_room(&side));
	for (uint32_t i = RING_SIDE_MAX; i-- > 0;)
		side_back(&side, i);
	assert_int_equal(side.head, side.tail);
	assert_true(side_has_room(&side));
}

#define TEST(name) cmocka_unit_test_setup(name, setup)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(places_lie_within_one_slot),
		TEST(the_head_moves_in_the_order_they_came),
		TEST(what_is_not_out_changes_nothing),
		TEST(it_can_be_full),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
