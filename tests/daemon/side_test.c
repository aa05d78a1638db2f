/* SPDX-License-Identifier: MIT */
/* The side buffer on a ring of its own: who has which slot? */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/fd.h"
#include "base/size.h"
#include "daemon/backend/side.h"
#include "tests/daemon/payer.h"

static const struct limits limits = {.most = {[ACCOUNT_BYTES] = 64 << 20, [ACCOUNT_QUEUES] = 10},
				     .most_users = 1};
static struct user *payer;
static struct uring ring;
static struct side *side;
static int sock[2]; /* sender, receiver */

static int setup(void **state)
{
	(void)state;
	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, sock), 0);
	assert_int_equal(uring_init_private(&ring, 256, false, false), 0);
	payer = payer_new(&limits);
	assert_int_equal(side_new(&side, &ring, payer, NULL), 0);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	side = side_free(side);
	uring_done(&ring);
	payer_free(payer);
	fd_close(sock[0]);
	fd_close(sock[1]);
	return 0;
}

/* Receives one datagram; the slot it is in, or a negative errno. */
static int receive(const char *text)
{
	struct io_uring_cqe *cqe;
	struct io_uring_sqe *sqe = uring_sqe(&ring);
	assert_int_equal(send(sock[0], text, strlen(text), 0), (ssize_t)strlen(text));
	io_uring_prep_recv(sqe, sock[1], NULL, 0, 0);
	sqe->flags |= IOSQE_BUFFER_SELECT;
	sqe->buf_group = SIDE_GROUP;
	assert_true(uring_enter(&ring) >= 0);
	assert_int_equal(io_uring_peek_cqe(&ring.io, &cqe), 0);
	int res = cqe->res;
	uint32_t slot = cqe->flags >> IORING_CQE_BUFFER_SHIFT;
	io_uring_cqe_seen(&ring.io, cqe);
	if (res < 0)
		return res;
	assert_int_equal(res, strlen(text));
	assert_memory_equal(side->map + (size_t)slot * SIDE_SLOT_BYTES, text, strlen(text));
	return (int)slot;
}

/* The same, and it goes to the client. */
static uint32_t deliver(void)
{
	int slot = receive("data");
	assert_true(slot >= 0);
	side_take(side, (uint32_t)slot);
	assert_true(side_give(side, (uint32_t)slot));
	side_drop(side, (uint32_t)slot);
	return (uint32_t)slot;
}

static void slots_come_back_with_the_head(void **state)
{
	(void)state;
	for (uint32_t i = 0; i < SIDE_SLOTS; i++)
		deliver();
	assert_int_equal(side->lent, 0);
	assert_int_equal(receive("none left"), -ENOBUFS);
	char c[16];
	assert_true(recv(sock[1], c, sizeof(c), 0) > 0);
	assert_true(side_is_back(side, 3));
	assert_true(side_back(side, 3));
	assert_false(side_is_back(side, 3));
	assert_int_equal(side->lent, 3);
	for (uint32_t i = 0; i < 3; i++)
		deliver();
	assert_true(side_back(side, SIDE_SLOTS + 3));
	assert_int_equal(side->lent, SIDE_SLOTS);
}

static void heads_that_lie_change_nothing(void **state)
{
	(void)state;
	deliver();
	deliver();
	const uint32_t lies[] = {3, 1000, UINT32_MAX, 0x80000000u};
	for (size_t i = 0; i < ARRAY_LENGTH(lies); i++) {
		assert_false(side_is_back(side, lies[i]));
		assert_false(side_back(side, lies[i]));
		assert_int_equal(side->lent, SIDE_SLOTS - 2);
	}
	assert_true(side_back(side, 1));
	assert_false(side_back(side, 0));
	assert_int_equal(side->lent, SIDE_SLOTS - 1);
}

static void a_slot_with_several_completions_waits_for_all(void **state)
{
	(void)state;
	int slot = receive("one, two, three");
	side_take(side, (uint32_t)slot);
	for (int i = 0; i < 3; i++)
		assert_true(side_give(side, (uint32_t)slot));
	side_drop(side, (uint32_t)slot);
	assert_true(side_back(side, 2));
	assert_int_equal(side->lent, SIDE_SLOTS - 1);
	assert_true(side_back(side, 3));
	assert_int_equal(side->lent, SIDE_SLOTS);
}

static void a_client_that_keeps_them_gets_no_more(void **state)
{
	(void)state;
	int slot = receive("many");
	side_take(side, (uint32_t)slot);
	for (uint32_t i = 0; i < RING_SIDE_MAX; i++)
		assert_true(side_give(side, (uint32_t)slot));
	assert_false(side_give(side, (uint32_t)slot));
	assert_true(side_back(side, 1));
	assert_true(side_give(side, (uint32_t)slot));
}

static void the_client_can_only_read(void **state)
{
	(void)state;
	int fd = side_readonly(side);
	char path[64];
	assert_true(fd >= 0);
	assert_int_equal(fcntl(fd, F_GETFL) & O_ACCMODE, O_RDONLY);
	assert_ptr_equal(mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0), MAP_FAILED);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	int again = open(path, O_RDWR | O_CLOEXEC); /* root may; the seal holds even so */
	assert_ptr_equal(mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, again, 0),
			 MAP_FAILED);
	assert_int_equal(ftruncate(again, 0), -1);
	fd_close(again);
	fd_close(fd);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(slots_come_back_with_the_head),
		TEST(heads_that_lie_change_nothing),
		TEST(a_slot_with_several_completions_waits_for_all),
		TEST(a_client_that_keeps_them_gets_no_more),
		TEST(the_client_can_only_read),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
