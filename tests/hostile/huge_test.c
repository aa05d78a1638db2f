/* SPDX-License-Identifier: MIT */
/* Areas as large as a class without a limit may add: right to the last byte, or refused. */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "tests/hostile/raw.h"
#include "tests/hostile/world.h"

#define GIB           (1ull << 30)
#define LARGEST       (32768 * GIB) /* 32768 buffers of 1 GiB */
#define TOO_LARGE     "No backend receives into an area of more than 32768 GiB."
#define ADDRESS_SPACE (1ull << 47)

enum {
	BUFFERS = 6,
	BYTES = 3000
};

static struct raw r;

static int open_case(void **state)
{
	(void)state;
	raw_connect(&r);
	return 0;
}

static int close_case(void **state)
{
	world_is_well();
	raw_close(&r);
	return world_is_empty(state);
}

static void what_no_backend_can_name_is_refused(void **state)
{
	(void)state;
	const uint64_t page = (uint64_t)sysconf(_SC_PAGESIZE);
	const uint64_t lengths[] = {LARGEST + page, 2 * LARGEST,       2 * LARGEST + 2 * GIB,
				    ADDRESS_SPACE,  1ull << 62,        (1ull << 63) - page,
				    (1ull << 63),   UINT64_MAX - page, UINT64_MAX - page + 1};
	for (size_t i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++) {
		int fd = raw_memfd(lengths[i] < 1ull << 63 ? lengths[i] : (1ull << 63) - page);
		union msg_any m = {.area_add = {.kind = MSG_AREA_MEMFD, .length = lengths[i]}};
		raw_refused(&r, MSG_AREA_ADD, m, fd, REASON_AREA_SIZE, TOO_LARGE);
		close(fd);
	}
}

/* A sanitizer keeps most of the address space for itself. */
static void the_largest_area_gives_the_largest_buffers(void **state)
{
	(void)state;
	const uint64_t bytes = world_is_sanitized() ? LARGEST / 64 : LARGEST;
	int fd = raw_memfd(bytes), fds[MSG_FDS_MAX];
	union msg_any m = {.queue_open = {.area_id = raw_area_add(&r, fd, bytes),
					  .backend = MSG_BACKEND_COPY}};
	assert_int_equal(raw_request(&r, MSG_QUEUE_OPEN, &m, -1, fds), 0);
	assert_int_equal(m.queue_open_reply.buffer_bytes, bytes / 32768);
	for (int i = 0; i < 3; i++)
		close(fds[i]);
	close(fd);
}

/* One buffer for each of these, none of which is given back. */
static void bytes_beyond_4_gib_lie_where_the_completion_says(void **state)
{
	(void)state;
	struct raw_queue q;
	struct raw_data d;
	uint64_t highest = 0;
	int pair[2];
	raw_queue_open(&q, &r, BUFFERS * GIB, GIB, 0);
	for (uint64_t i = 0; i < BUFFERS; i++)
		raw_touch(q.area_fd, i * GIB, BYTES);
	harness_pair(pair);
	uint32_t flow = raw_adopt(&q, pair[1], 0);
	for (uint64_t i = 0; i < BUFFERS; i++) {
		char data[BYTES];
		harness_pattern(data, i, 0, BYTES);
		assert_int_equal(send(pair[0], data, BYTES, MSG_NOSIGNAL), BYTES);
		WORLD_UNTIL(raw_take(&q, &d));
		assert_int_equal(d.flow, flow);
		assert_int_equal(d.bytes, BYTES);
		assert_true(harness_pattern_is(q.area + d.off, i, 0, BYTES));
		highest = d.off > highest ? d.off : highest;
	}
	assert_int_equal(highest, (BUFFERS - 1) * GIB);
	close(pair[0]);
	close(pair[1]);
	raw_queue_drop(&q);
}

static int setup(void **state)
{
	(void)state;
	world_start("[class default]\narea-bytes=1000T\n");
	return 0;
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, open_case, close_case)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(what_no_backend_can_name_is_refused),
		CASE(the_largest_area_gives_the_largest_buffers),
		CASE(bytes_beyond_4_gib_lie_where_the_completion_says),
	};
	return cmocka_run_group_tests(tests, setup, world_teardown);
}
