/* SPDX-License-Identifier: MIT */
/* The tokens of a devmem queue go back however full its private ring is. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "daemon/backend/giveback.h"
#include "proto/ring.h"

enum {
	CQ_ENTRIES = URING_SQ_ENTRIES,
	STREAMS = 3 * GIVEBACK_CALLS,
	NIOV = 4096
};

static struct uring ring;
static struct ring_daemon counts;
static struct giveback g;
static struct giveback_stream streams[STREAMS];

/* One token of each stream is due. The socket is not TCP's: each call is made twice, in vain. */
static int setup(void **state)
{
	(void)state;
	int pair[2];
	counts = (struct ring_daemon){0};
	assert_int_equal(uring_init_private(&ring, CQ_ENTRIES, false, false), 0);
	struct giveback_setup what = {.ring = &ring,
				      .counts = &counts,
				      .area_bytes = STREAMS * NIOV,
				      .niov_bytes = NIOV,
				      .tokens_max = STREAMS};
	assert_int_equal(giveback_init(&g, &what, &giveback_tuning), 0);
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
	close(pair[1]);
	for (uint32_t i = 0; i < STREAMS; i++) {
		streams[i] = (struct giveback_stream){.stream = {.sock = pair[0], .id = i + 1},
						      .tokens.due = TOKENS_NONE};
		tokens_reject(&g.tokens, &streams[i].tokens, i);
	}
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	close(streams[0].stream.sock);
	giveback_done(&g);
	uring_done(&ring);
	return 0;
}

static void turn(void)
{
	uint32_t id;
	assert_true(uring_enter(&ring) >= 0);
	giveback_reap(&g);
	while ((id = giveback_next(&g)) != 0)
		assert_true(giveback_is_settled(&streams[id - 1]));
	giveback_turn(&g);
}

static void expect_all_back(void)
{
	for (uint32_t i = 0; i < STREAMS; i++)
		assert_true(giveback_is_settled(&streams[i]));
	assert_int_equal(counts.returned + counts.missed, STREAMS);
}

static void calls_that_are_done_make_room_for_others(void **state)
{
	(void)state;
	for (uint32_t i = 0; i < 2 * STREAMS / GIVEBACK_CALLS + 1; i++) {
		struct io_uring_cqe *cqe;
		turn();
		while ((cqe = uring_peek(&ring)))
			io_uring_cqe_seen(&ring.io, cqe);
	}
	expect_all_back();
}

/* Their completions would lie where nobody sees them. */
static void nothing_waits_behind_a_ring_that_nobody_reads(void **state)
{
	(void)state;
	for (int i = 0; i < CQ_ENTRIES; i++)
		io_uring_prep_nop(uring_sqe(&ring));
	turn();
	assert_false(uring_overflown(&ring));
	for (int i = 0; i < 4; i++)
		turn();
	assert_true(uring_overflown(&ring));
	assert_int_equal(g.tokens.n_due, 0);
	for (struct io_uring_cqe *cqe; (cqe = uring_peek(&ring));) {
		io_uring_cqe_seen(&ring.io, cqe);
		uring_enter(&ring);
		giveback_reap(&g);
	}
	expect_all_back();
}

/* At the end all tokens go back, though nobody sees the completions of calls that were under way.
 */
static void at_the_end_all_goes_back_at_once(void **state)
{
	(void)state;
	struct io_uring_cqe *cqe;
	turn();
	assert_true(uring_enter(&ring) >= 0);
	while ((cqe = uring_peek(&ring)))
		io_uring_cqe_seen(&ring.io, cqe);
	assert_int_equal(g.tokens.n_out, STREAMS - GIVEBACK_CALLS);
	giveback_all(&g);
	assert_int_equal(g.tokens.n_out, 0);
	assert_int_equal(counts.returned + counts.missed, STREAMS - GIVEBACK_CALLS);
}

#define CASE(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(calls_that_are_done_make_room_for_others),
		CASE(nothing_waits_behind_a_ring_that_nobody_reads),
		CASE(at_the_end_all_goes_back_at_once),
	};
	return cmocka_run_group_tests_name("giveback", tests, NULL, NULL);
}
