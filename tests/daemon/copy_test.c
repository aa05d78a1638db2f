/* SPDX-License-Identifier: MIT */
/* The copy backend on a ring of its own: whose buffer is it? */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/fd.h"
#include "base/size.h"
#include "daemon/backend/area.h"
#include "daemon/backend/backend.h"
#include "daemon/backend/rings.h"

enum {
	BUFFERS = 8,
	FLOW = 77
};

static const struct backend_ops *const copy = &backend_copy;
static uint32_t page;
static struct uring ring;
static struct rings rings; /* whose completions are those of the ring */
static struct area area;
static struct backend *backend;
static int sock[2]; /* sender, receiver */

static int begin(void **state)
{
	(void)state;
	page = (uint32_t)sysconf(_SC_PAGESIZE);
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, sock), 0);
	assert_int_equal(uring_init_private(&ring, 256, false, false), 0);
	area.bytes = (uint64_t)BUFFERS * page;
	area.base =
		mmap(NULL, area.bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	assert_ptr_not_equal(area.base, MAP_FAILED);
	rings = (struct rings){.cq = (char *)ring.io.cq.cqes,
			       .layout = {.cq_entries = ring.io.cq.ring_entries,
					  .cqe_bytes = sizeof(struct io_uring_cqe)}};
	struct backend_setup setup = {.ring = &ring,
				      .rings = &rings,
				      .area = &area,
				      .buffer_bytes = page};
	assert_int_equal(copy->open(&backend, &setup), 0);
	return 0;
}

static int end(void **state)
{
	(void)state;
	copy->close(backend);
	uring_done(&ring);
	munmap(area.base, area.bytes);
	fd_close(sock[0]);
	fd_close(sock[1]);
	return 0;
}

/* Takes one completion, which has to be there. */
static struct io_uring_cqe take(void)
{
	struct io_uring_cqe *at, cqe;
	assert_true(uring_enter(&ring) >= 0);
	assert_int_equal(io_uring_peek_cqe(&ring.io, &at), 0);
	cqe = *at;
	uint32_t position = *ring.io.cq.khead;
	copy->received(backend, position, position + 1);
	io_uring_cqe_seen(&ring.io, at);
	return cqe;
}

static bool nothing_came(void)
{
	struct io_uring_cqe *at;
	assert_true(uring_enter(&ring) >= 0);
	return io_uring_peek_cqe(&ring.io, &at) == -EAGAIN;
}

static void arm(void)
{
	copy->replenish(backend);
	copy->arm(backend, sock[1], FLOW);
	assert_true(nothing_came());
}

/* Sends a page of this byte and receives it. Returns the offset it lies at. */
static uint64_t one_page(char byte)
{
	char data[1 << 16];
	memset(data, byte, page);
	assert_int_equal(send(sock[0], data, page, 0), page);
	struct io_uring_cqe cqe = take();
	assert_int_equal(cqe.user_data, FLOW);
	assert_int_equal(cqe.res, page);
	assert_true(cqe.flags & IORING_CQE_F_BUFFER);
	uint64_t off = (uint64_t)(cqe.flags >> IORING_CQE_BUFFER_SHIFT) * page;
	assert_true(off + page <= area.bytes);
	assert_memory_equal((char *)area.base + off, data, page);
	return off;
}

static void divides_areas_as_documented(void **state)
{
	(void)state;
	const uint64_t mib = 1 << 20, gib = 1 << 30;
	const struct {
		uint64_t area;
		uint32_t wish, got;
	} table[] = {
		{mib, 0, 65536},
		{8 * 65536, 0, 65536},
		{8 * 65536 - page, 0, 32768},
		{64ull * 1024, 0, page > 8192 ? page : 8192},
		{page, 0, page},
		{page, 1, page},
		{mib, page + 1, 2 * page},
		{mib, 3 * 65536, 4 * 65536},
		{mib, 1u << 30, 1u << 30}, /* more than there is: the caller refuses */
		{2 * gib, 0, 65536},
		{4 * gib, 0, 131072},
		{4 * gib, page, 131072},
	};
	for (size_t i = 0; i < ARRAY_LENGTH(table); i++)
		assert_int_equal(copy->buffer_bytes(table[i].area, table[i].wish), table[i].got);
}

static void receives_into_every_buffer_once(void **state)
{
	(void)state;
	bool seen[BUFFERS] = {0};
	arm();
	for (int i = 0; i < BUFFERS; i++) {
		uint64_t id = one_page((char)('a' + i)) / page;
		assert_false(seen[id]);
		seen[id] = true;
	}
	assert_int_equal(copy->replenish(backend), 0);
}

static void a_buffer_comes_back_once(void **state)
{
	(void)state;
	arm();
	uint64_t off = one_page('x');
	assert_true(copy->refill(backend, off));
	assert_false(copy->refill(backend, off));
	uint64_t a = one_page('y'), b = one_page('z');
	assert_true(copy->refill(backend, b + page - 1)); /* any byte of it names a buffer */
	assert_true(copy->refill(backend, a + 1));
	assert_false(copy->refill(backend, a));
	assert_false(copy->refill(backend, b));
	assert_int_equal(copy->replenish(backend), BUFFERS);
}

static void what_is_not_the_clients_is_refused(void **state)
{
	(void)state;
	arm();
	uint64_t off = one_page('x');
	const uint64_t wrong[] = {BUFFERS * (uint64_t)page,
				  (BUFFERS + 1) * (uint64_t)page,
				  1ull << 31,
				  1ull << 32,
				  off | 1ull << 32,
				  off | 1ull << 63,
				  UINT64_MAX};
	for (size_t i = 0; i < ARRAY_LENGTH(wrong); i++)
		assert_false(copy->refill(backend, wrong[i]));
	for (uint64_t id = 0; id < BUFFERS; id++)
		assert_int_equal(copy->refill(backend, id * page), id * page == off);
}

static void a_stream_without_buffers_stands_still_and_goes_on(void **state)
{
	(void)state;
	uint64_t off[BUFFERS];
	arm();
	for (int round = 0; round < 20; round++) {
		for (int i = 0; i < BUFFERS; i++)
			off[i] = one_page((char)('a' + i + round));
		assert_int_equal(copy->replenish(backend), 0);
		assert_int_equal(send(sock[0], "more", 4, 0), 4);
		struct io_uring_cqe cqe = take();
		assert_int_equal(cqe.res, -ENOBUFS);
		assert_false(cqe.flags & IORING_CQE_F_MORE);
		for (int i = 0; i < BUFFERS; i++)
			assert_true(copy->refill(backend, off[i]));
		assert_int_equal(copy->replenish(backend), BUFFERS);
		copy->arm(backend, sock[1], FLOW);
		cqe = take();
		assert_int_equal(cqe.res, 4);
		assert_true(copy->refill(backend, (uint64_t)(cqe.flags >> 16) * page));
		copy->replenish(backend);
	}
}

static void the_end_of_a_stream_takes_no_buffer(void **state)
{
	(void)state;
	arm();
	shutdown(sock[0], SHUT_WR);
	struct io_uring_cqe cqe = take();
	assert_int_equal(cqe.res, 0);
	assert_false(cqe.flags & IORING_CQE_F_MORE);
	assert_int_equal(copy->replenish(backend), BUFFERS);
	for (uint64_t id = 0; id < BUFFERS; id++)
		assert_false(copy->refill(backend, id * page));
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(divides_areas_as_documented),
		CASE(receives_into_every_buffer_once),
		CASE(a_buffer_comes_back_once),
		CASE(what_is_not_the_clients_is_refused),
		CASE(a_stream_without_buffers_stands_still_and_goes_on),
		CASE(the_end_of_a_stream_takes_no_buffer),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
