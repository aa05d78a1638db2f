/* SPDX-License-Identifier: MIT */
/* What a ring is asked for beyond single operations: to stop, and to keep linked ones together. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "daemon/common/uring.h"
#include "proto/ring.h"

enum {
	CQ_ENTRIES = URING_SQ_ENTRIES,
	MANY = 4 * CQ_ENTRIES,
	THIS = 7
};

static struct uring ring;
static int pair[2];
static char room[16];

static int setup(void **state)
{
	(void)state;
	assert_int_equal(uring_init_private(&ring, CQ_ENTRIES, false, false), 0);
	return socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair);
}

static int teardown(void **state)
{
	(void)state;
	uring_done(&ring);
	close(pair[0]);
	close(pair[1]);
	return 0;
}

static void receive(uint64_t user_data)
{
	struct io_uring_sqe *sqe = uring_sqe(&ring);
	io_uring_prep_recv(sqe, pair[0], room, sizeof(room), 0);
	sqe->user_data = user_data;
}

/* Of most of them nothing can be heard: the CQ is full and nobody reads it. */
static void all_operations_end_though_nobody_hears_of_them(void **state)
{
	(void)state;
	for (uint64_t i = 0; i < MANY; i++)
		receive(i);
	assert_true(uring_stop(&ring));
	assert_true(uring_overflown(&ring));
	assert_int_equal(send(pair[1], "x", 1, 0), 1);
	assert_true(uring_stop(&ring));
	assert_int_equal(recv(pair[0], room, 1, MSG_DONTWAIT), 1);
}

static void one_operation_ends_and_others_go_on(void **state)
{
	(void)state;
	for (uint64_t i = 0; i < 3; i++)
		receive(THIS + i);
	assert_true(uring_stop_one(&ring, THIS));
	struct io_uring_cqe *cqe = uring_peek(&ring);
	assert_int_equal(cqe->user_data, THIS);
	assert_int_equal(cqe->res, -ECANCELED);
	io_uring_cqe_seen(&ring.io, cqe);
	assert_null(uring_peek(&ring));
	assert_true(uring_stop_one(&ring, THIS));
	assert_int_equal(send(pair[1], "x", 1, 0), 1);
	uring_enter(&ring);
	cqe = uring_peek(&ring);
	assert_non_null(cqe);
	assert_int_equal(cqe->res, 1);
}

#define CASE(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(all_operations_end_though_nobody_hears_of_them),
		CASE(one_operation_ends_and_others_go_on),
	};
	return cmocka_run_group_tests_name("uring", tests, NULL, NULL);
}
