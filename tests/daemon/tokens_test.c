/* SPDX-License-Identifier: MIT */
/* The ledger of devmem: every token that was lent comes back once, on its own stream. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#include "daemon/backend/tokens.h"

enum {
	NIOV = 4096,
	NIOVS = 64,
	LIMIT = 4096
};

static struct tokens t;
static struct tokens_stream streams[3];
static struct tokens_range ranges[TOKENS_RANGES_MAX];

static int setup(void **state)
{
	(void)state;
	for (int i = 0; i < 3; i++)
		streams[i] = (struct tokens_stream){.due = TOKENS_NONE};
	return tokens_init(&t, NIOVS * NIOV, NIOV, LIMIT);
}

static int teardown(void **state)
{
	(void)state;
	tokens_done(&t);
	return 0;
}

static void expect_range(uint32_t i, uint32_t start, uint32_t count)
{
	assert_int_equal(ranges[i].start, start);
	assert_int_equal(ranges[i].count, count);
}

/* A client that gives buffers back in reverse order makes tokens due in reverse order. */
static void tokens_that_fell_due_backwards_make_one_range(void **state)
{
	(void)state;
	uint32_t count;
	for (uint32_t i = 0; i < 10; i++)
		tokens_lend(&t, &streams[0], i * NIOV, 100 + i);
	for (uint32_t i = 10; i-- > 0;)
		assert_non_null(tokens_refill(&t, i * NIOV));
	assert_int_equal(tokens_take(&t, &streams[0], 7, ranges, &count), 1);
	assert_int_equal(count, 7);
	expect_range(0, 100, 7);
	assert_int_equal(t.n_out, 3);
}

static void consecutive_tokens_make_one_range(void **state)
{
	(void)state;
	uint32_t count;
	for (uint32_t i = 0; i < 10; i++)
		tokens_lend(&t, &streams[0], i * NIOV, i < 6 ? 100 + i : 200 + i);
	for (uint32_t i = 0; i < 10; i++)
		assert_non_null(tokens_refill(&t, i * NIOV + 5));
	assert_int_equal(tokens_take(&t, &streams[0], 1000, ranges, &count), 2);
	assert_int_equal(count, 10);
	expect_range(0, 206, 4);
	expect_range(1, 100, 6);
	assert_int_equal(t.n_out, 0);
	assert_int_equal(t.n_free, LIMIT);
}

static void a_niov_comes_back_as_often_as_it_went_out(void **state)
{
	(void)state;
	tokens_lend(&t, &streams[0], 0, 1);
	tokens_lend(&t, &streams[1], 2048, 1);
	assert_non_null(tokens_refill(&t, 0));
	assert_non_null(tokens_refill(&t, 4095));
	assert_null(tokens_refill(&t, 0));
	assert_null(tokens_refill(&t, NIOV));
	assert_int_equal(streams[0].n_due, 1);
	assert_int_equal(streams[1].n_due, 1);
}

static void nothing_outside_the_area_is_taken(void **state)
{
	(void)state;
	tokens_lend(&t, &streams[0], (uint64_t)(NIOVS - 1) * NIOV, 1);
	assert_null(tokens_refill(&t, (uint64_t)NIOVS * NIOV));
	assert_null(tokens_refill(&t, UINT64_MAX));
	assert_null(tokens_refill(&t, (1ull << 44) * NIOV)); /* 0, were it cut off */
	assert_non_null(tokens_refill(&t, (uint64_t)NIOVS * NIOV - 1));
}

/* The kernel's are as large as the machine's pages. */
static void a_niov_is_as_large_as_a_page(void **state)
{
	(void)state;
	const uint32_t sizes[] = {4096, 16384, 65536};
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		const uint64_t size = sizes[i];
		struct tokens other;
		struct tokens_stream s = {.due = TOKENS_NONE};
		assert_int_equal(tokens_init(&other, 4 * size, sizes[i], LIMIT), 0);
		tokens_lend(&other, &s, size + 100, 1);
		tokens_lend(&other, &s, 2 * size - 1, 2);
		assert_null(tokens_refill(&other, size - 1));
		assert_null(tokens_refill(&other, 2 * size));
		assert_null(tokens_refill(&other, 4 * size));
		assert_ptr_equal(tokens_refill(&other, size), &s);
		assert_ptr_equal(tokens_refill(&other, 2 * size - 1), &s);
		assert_null(tokens_refill(&other, size));
		tokens_done(&other);
	}
}

static void more_ranges_than_a_call_takes_wait_for_the_next(void **state)
{
	(void)state;
	uint32_t count, calls = 0, all = 0;
	for (uint32_t i = 0; i < 300; i++) {
		tokens_lend(&t, &streams[0], i % NIOVS * NIOV, i * 2);
		assert_non_null(tokens_refill(&t, i % NIOVS * NIOV));
	}
	while (tokens_take(&t, &streams[0], 1000, ranges, &count) > 0) {
		assert_true(count <= TOKENS_RANGES_MAX);
		all += count;
		calls++;
	}
	assert_int_equal(all, 300);
	assert_int_equal(calls, 3);
}

static void a_call_takes_no_more_than_it_may(void **state)
{
	(void)state;
	uint32_t count;
	for (uint32_t i = 0; i < 3000; i++)
		tokens_reject(&t, &streams[0], i);
	assert_int_equal(tokens_take(&t, &streams[0], 10, ranges, &count), 1);
	assert_int_equal(count, 10);
	assert_int_equal(tokens_take(&t, &streams[0], UINT32_MAX, ranges, &count), 1);
	assert_int_equal(count, TOKENS_BATCH_MAX);
}

static void all_that_is_out_can_be_recalled(void **state)
{
	(void)state;
	uint32_t count;
	for (uint32_t i = 0; i < 30; i++)
		tokens_lend(&t, &streams[i % 3], i / 5 * NIOV, i / 3);
	tokens_refill(&t, 0); /* one is due already */
	tokens_recall(&t);
	for (int s = 0; s < 3; s++) {
		uint32_t back[10] = {0};
		assert_int_equal(streams[s].lent, 0);
		assert_int_equal(streams[s].n_due, 10);
		for (uint32_t n = tokens_take(&t, &streams[s], 1000, ranges, &count); n-- > 0;)
			for (uint32_t k = 0; k < ranges[n].count; k++)
				back[ranges[n].start + k]++;
		assert_int_equal(count, 10);
		for (uint32_t i = 0; i < 10; i++)
			assert_int_equal(back[i], 1);
	}
	assert_null(tokens_refill(&t, 0));
	assert_int_equal(t.n_out, 0);
}

/* Any order of anything: every token is taken exactly once, by its own stream. */
static void whatever_happens_all_come_back_once(void **state)
{
	(void)state;
	static uint8_t back[3][20000];
	uint32_t next[3] = {0}, count;
	srandom(1);
	for (int step = 0; step < 200000; step++) {
		uint32_t s = (uint32_t)random() % 3;
		uint64_t off = (uint64_t)(random() % (NIOVS + 1)) * NIOV;
		if (random() % 3 == 0 && t.n_free && off < NIOVS * NIOV && next[s] < 20000)
			tokens_lend(&t, &streams[s], off, next[s]++);
		else if (random() % 40)
			tokens_refill(&t, off);
		else
			for (uint32_t n = tokens_take(&t, &streams[s], 50, ranges, &count);
			     n-- > 0;)
				for (uint32_t k = 0; k < ranges[n].count; k++)
					back[s][ranges[n].start + k]++;
	}
	tokens_recall(&t);
	for (uint32_t s = 0; s < 3; s++) {
		for (uint32_t n; (n = tokens_take(&t, &streams[s], 1000, ranges, &count)) > 0;)
			while (n-- > 0)
				for (uint32_t k = 0; k < ranges[n].count; k++)
					back[s][ranges[n].start + k]++;
		for (uint32_t i = 0; i < next[s]; i++)
			assert_int_equal(back[s][i], 1);
	}
	assert_int_equal(t.n_out, 0);
	assert_int_equal(t.n_free, LIMIT);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(consecutive_tokens_make_one_range),
		TEST(tokens_that_fell_due_backwards_make_one_range),
		TEST(a_niov_comes_back_as_often_as_it_went_out),
		TEST(nothing_outside_the_area_is_taken),
		TEST(a_niov_is_as_large_as_a_page),
		TEST(more_ranges_than_a_call_takes_wait_for_the_next),
		TEST(a_call_takes_no_more_than_it_may),
		TEST(all_that_is_out_can_be_recalled),
		TEST(whatever_happens_all_come_back_once),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
