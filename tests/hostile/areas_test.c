/* SPDX-License-Identifier: MIT */
/* Areas and queues of things that cannot be one, and of sizes that cannot be. */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/inotify.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/timerfd.h>
#include <sys/vfs.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "tests/hostile/raw.h"
#include "tests/hostile/world.h"

#ifndef F_SEAL_FUTURE_WRITE
#define F_SEAL_FUTURE_WRITE 0x0010
#endif

#ifndef SYS_memfd_secret
#define SYS_memfd_secret 447
#endif

#define MIB 1048576ul
#define GIB (1024 * MIB) /* whole huge pages, whatever these are */

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

static struct raw r;
static uint64_t page;

static int open_case(void **state)
{
	(void)state;
	page = (uint64_t)sysconf(_SC_PAGESIZE);
	raw_connect(&r);
	return 0;
}

static int close_case(void **state)
{
	world_is_well();
	raw_close(&r);
	return world_is_empty(state);
}

static union msg_any area(uint64_t length)
{
	return (union msg_any){.area_add = {.kind = MSG_AREA_MEMFD, .length = length}};
}

/* Takes fd over. */
static void area_refused(int fd, uint64_t length, uint32_t reason)
{
	assert_true(fd >= 0);
	raw_refused(&r, MSG_AREA_ADD, area(length), fd, reason, NULL);
	close(fd);
}

static void what_is_no_memfd_is_refused(void **state)
{
	(void)state;
	int ends[2], socks[2];
	char path[] = "/tmp/zcrxd-hostile-XXXXXX";
	int file = mkstemp(path);
	assert_int_equal(ftruncate(file, (off_t)page), 0);
	assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, socks), 0);
	shutdown(socks[0], SHUT_WR);
	const int fds[] = {
		file,
		open(path, O_PATH | O_CLOEXEC),
		open("/tmp", O_RDONLY | O_DIRECTORY | O_CLOEXEC),
		open("/tmp", O_PATH | O_CLOEXEC),
		open("/dev/null", O_RDWR | O_CLOEXEC),
		open("/dev/zero", O_RDWR | O_CLOEXEC),
		open("/proc/self/mem", O_RDWR | O_CLOEXEC),
		ends[0],
		ends[1],
		socks[0],
		socks[1],
		epoll_create1(EPOLL_CLOEXEC),
		eventfd(0, EFD_CLOEXEC),
		(int)syscall(SYS_pidfd_open, getpid(), 0),
		socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0),
		(int)syscall(SYS_memfd_secret, 0), /* a file of mode 0 that has no seals */
		socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0),
		inotify_init1(IN_CLOEXEC),
		timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC),
		dup(r.sock),
	};
	const uint32_t kinds[] = {MSG_AREA_MEMFD, MSG_AREA_DMABUF};
	for (size_t i = 0; i < COUNT(fds); i++) {
		if (fds[i] < 0) /* this kernel has none */
			continue;
		for (size_t k = 0; k < COUNT(kinds); k++) {
			union msg_any m = area(page);
			m.area_add.kind = kinds[k];
			raw_refused(&r, MSG_AREA_ADD, m, fds[i], REASON_FD_KIND, NULL);
		}
		close(fds[i]);
	}
	unlink(path);
}

static int sealed(int seals)
{
	int fd = memfd_create("hostile", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	assert_int_equal(ftruncate(fd, (off_t)page), 0);
	assert_int_equal(fcntl(fd, F_ADD_SEALS, seals), 0);
	return fd;
}

static void a_memfd_that_may_shrink_or_refuses_writes_is_refused(void **state)
{
	(void)state;
	area_refused(sealed(0), page, REASON_SEALS);
	area_refused(sealed(F_SEAL_GROW), page, REASON_SEALS);
	area_refused(sealed(F_SEAL_SHRINK | F_SEAL_WRITE), page, REASON_SEALS);
	area_refused(sealed(F_SEAL_SHRINK | F_SEAL_FUTURE_WRITE), page, REASON_SEALS);
	int never = memfd_create("hostile", MFD_CLOEXEC);
	assert_int_equal(ftruncate(never, (off_t)page), 0);
	area_refused(never, page, REASON_SEALS);
}

static int reopen(int fd, int flags)
{
	char path[64];
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	return open(path, flags | O_CLOEXEC);
}

static void a_memfd_opened_one_way_is_refused(void **state)
{
	(void)state;
	int fd = raw_memfd(page);
	area_refused(reopen(fd, O_RDONLY), page, REASON_FD_ACCESS);
	area_refused(reopen(fd, O_WRONLY), page, REASON_FD_ACCESS);
	area_refused(reopen(fd, O_PATH), page, REASON_FD_KIND);
	raw_area_add(&r, reopen(fd, O_RDWR), page);
	close(fd);
}

static void sizes_that_cannot_be_are_refused(void **state)
{
	(void)state;
	const uint64_t lengths[] = {0, 1, page - 1, page + 1, 3 * page, 1ull << 32, 1ull << 45};
	for (size_t i = 0; i < COUNT(lengths); i++)
		area_refused(raw_memfd(2 * page), lengths[i], REASON_AREA_SIZE);
	area_refused(raw_memfd(0), page, REASON_AREA_SIZE);
	area_refused(raw_memfd(8ull << 30), 8ull << 30, REASON_QUOTA);
	area_refused(raw_memfd(1ull << 45), 1ull << 45, REASON_QUOTA);
}

static void kinds_of_memory_that_do_not_exist_are_refused(void **state)
{
	(void)state;
	int fd = raw_memfd(page);
	const uint32_t kinds[] = {0, 4, 1000, UINT32_MAX};
	for (size_t i = 0; i < COUNT(kinds); i++) {
		union msg_any m = area(page);
		m.area_add.kind = kinds[i];
		raw_refused(&r, MSG_AREA_ADD, m, fd, REASON_VALUE, NULL);
	}
	union msg_any m = area(page);
	m.area_add.kind = MSG_AREA_DMABUF;
	raw_refused(&r, MSG_AREA_ADD, m, fd, REASON_FD_KIND, NULL);
	m.area_add.kind = MSG_AREA_UDMABUF;
	raw_refused(
		&r, MSG_AREA_ADD, m, fd, REASON_DENIED,
		"zcrxd makes no udmabufs for your class: have udmabuf=yes set in zcrxd.conf, or /dev/udmabuf opened to you.");
	for (uint32_t bit = 0; bit < 32; bit++) {
		m = area(page);
		m.area_add.flags = 1u << bit;
		raw_refused(&r, MSG_AREA_ADD, m, fd, REASON_UNKNOWN_FLAG, NULL);
	}
	close(fd);
}

static void the_daemons_own_files_are_refused(void **state)
{
	(void)state;
	struct raw_queue q;
	raw_queue_open(&q, &r, 16 * page, 0, 0);
	area_refused(dup(q.rq_fd), page, REASON_FD_KIND);
	area_refused(reopen(q.rq_fd, O_RDWR), page, REASON_FD_KIND);
	area_refused(dup(q.cq_fd), page, REASON_FD_ACCESS);
	area_refused(dup(q.channel), page, REASON_FD_KIND);
	int again = reopen(q.cq_fd, O_RDWR); /* root may */
	if (again >= 0)
		area_refused(again, page, REASON_SEALS);
	raw_queue_drop(&q);
}

/* Sealed it cannot shrink, whatever is tried while it is one; not even before, in between. */
static void an_area_cannot_shrink_under_the_daemon(void **state)
{
	(void)state;
	struct raw_queue q;
	raw_queue_open(&q, &r, 16 * page, 0, 0);
	assert_int_equal(ftruncate(q.area_fd, 0), -1);
	assert_int_equal(ftruncate(q.area_fd, (off_t)page), -1);
	assert_int_equal(fcntl(q.area_fd, F_ADD_SEALS, F_SEAL_WRITE), -1); /* it is mapped */
	assert_int_equal(ftruncate(q.area_fd, (off_t)(64 * page)), 0);     /* growing is harmless */
	assert_int_equal(fcntl(q.area_fd, F_ADD_SEALS, F_SEAL_FUTURE_WRITE), 0);
	int pair[2];
	harness_pair(pair);
	uint32_t flow = raw_adopt(&q, pair[1], 0);
	struct harness_sender *s = harness_send(pair[0], 5, 1 << 20, HARNESS_FIN);
	raw_stream(&q, flow, 5, 0, 1 << 20);
	assert_int_equal(harness_send_wait(s), 0);
	close(pair[1]);
	raw_queue_drop(&q);
}

static void no_memory(const struct raw_queue *q)
{
	assert_int_equal(fallocate(q->area_fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0,
				   (off_t)q->area_bytes),
			 0);
}

/* If the daemon filled areas, or had the kernel do it, a client that touches nothing could use up
 * the memory of its cgroup. */
static void the_daemon_fills_no_area(void **state)
{
	(void)state;
	struct raw_queue q;
	struct stat st;
	raw_queue_open(&q, &r, 16 * MIB, 0, 0);
	no_memory(&q);
	int pair[2];
	harness_pair(pair);
	uint32_t flow = raw_adopt(&q, pair[1], 0);
	assert_int_equal(send(pair[0], "x", 1, MSG_NOSIGNAL), 1);
	assert_int_equal(raw_closed(&q, flow), -EFAULT);
	assert_int_equal(fstat(q.area_fd, &st), 0);
	assert_int_equal(st.st_blocks, 0);
	close(pair[0]);
	close(pair[1]);
	raw_queue_drop(&q);
}

/* What exists goes on, in the same area. */
static void only_a_missing_page_ends_a_stream(void **state)
{
	(void)state;
	struct raw_queue q;
	int pair[2];
	raw_queue_open(&q, &r, 16 * MIB, 0, 0);
	no_memory(&q);
	raw_touch(q.area_fd, 0, 16 * MIB);
	harness_pair(pair);
	uint32_t flow = raw_adopt(&q, pair[1], 0);
	struct harness_sender *s = harness_send(pair[0], 6, 1 << 20, HARNESS_STAY);
	raw_stream(&q, flow, 6, 0, 1 << 20);
	assert_int_equal(harness_send_wait(s), 0);
	no_memory(&q);
	assert_int_equal(send(pair[0], "x", 1, MSG_NOSIGNAL), 1);
	assert_int_equal(raw_closed(&q, flow), -EFAULT);
	close(pair[1]);
	raw_queue_drop(&q);
}

static void one_file_may_be_many_areas(void **state)
{
	(void)state;
	int fd = raw_memfd(4 * page);
	uint32_t ids[20];
	for (int i = 0; i < 20; i++)
		ids[i] = raw_area_add(&r, fd, 4 * page);
	for (int i = 0; i < 20; i++) {
		union msg_any del = {.area_del = {.area_id = ids[i]}}, m = del;
		assert_int_equal(raw_request(&r, MSG_AREA_DEL, &m, -1, NULL), 0);
		raw_refused(&r, MSG_AREA_DEL, del, -1, REASON_NO_OBJECT, NULL);
	}
	close(fd);
}

static void an_area_in_use_stays(void **state)
{
	(void)state;
	struct raw_queue q;
	raw_queue_open(&q, &r, 16 * page, 0, 0);
	union msg_any del = {.area_del = {.area_id = q.area_id}};
	union msg_any open = {.queue_open = {.area_id = q.area_id}};
	raw_refused(&r, MSG_AREA_DEL, del, -1, REASON_BUSY, NULL);
	raw_refused(&r, MSG_QUEUE_OPEN, open, -1, REASON_BUSY, NULL);
	struct raw other;
	raw_connect(&other);
	raw_refused(&other, MSG_AREA_DEL, del, -1, REASON_NO_OBJECT, NULL);
	raw_refused(&other, MSG_QUEUE_OPEN, open, -1, REASON_NO_OBJECT, NULL);
	union msg_any close = {.queue_close = {.queue_id = q.id}};
	raw_refused(&other, MSG_QUEUE_CLOSE, close, -1, REASON_NO_OBJECT, NULL);
	raw_close(&other);
	union msg_any m = close;
	assert_int_equal(raw_request(&r, MSG_QUEUE_CLOSE, &m, -1, NULL), 0);
	raw_refused(&r, MSG_QUEUE_CLOSE, close, -1, REASON_NO_OBJECT, NULL);
	m = del;
	assert_int_equal(raw_request(&r, MSG_AREA_DEL, &m, -1, NULL), 0);
	raw_queue_drop(&q);
}

static void queues_of_impossible_sizes_are_refused(void **state)
{
	(void)state;
	int fd = raw_memfd(16 * page);
	uint32_t id = raw_area_add(&r, fd, 16 * page);
	close(fd);
	const struct msg_queue_open wishes[] = {
		{.backend = 4},
		{.backend = UINT32_MAX},
		{.cq_entries = 32769},
		{.cq_entries = UINT32_MAX},
		{.rq_entries = 32769},
		{.rq_entries = 1u << 31},
		{.buffer_bytes = (1u << 30) + 1},
		{.buffer_bytes = UINT32_MAX},
	};
	for (size_t i = 0; i < COUNT(wishes); i++) {
		union msg_any m = {.queue_open = wishes[i]};
		m.queue_open.area_id = id;
		raw_refused(&r, MSG_QUEUE_OPEN, m, -1, REASON_VALUE, NULL);
	}
	union msg_any m = {.queue_open = {.area_id = id, .buffer_bytes = 1u << 30}};
	raw_refused(
		&r, MSG_QUEUE_OPEN, m, -1, REASON_VALUE,
		"The area is smaller than one buffer; make it larger or ask for smaller buffers.");
	m = (union msg_any){.queue_open = {.area_id = id, .nic = "exactly 16 chars"}};
	raw_refused(&r, MSG_QUEUE_OPEN, m, -1, REASON_VALUE,
		    "What was asked for as nic is not the name of an interface.");
	m = (union msg_any){.queue_open = {.area_id = id + 1}};
	raw_refused(&r, MSG_QUEUE_OPEN, m, -1, REASON_NO_OBJECT, NULL);
	for (uint32_t bit = 1; bit < 32; bit++) {
		m = (union msg_any){.queue_open = {.area_id = id, .flags = 1u << bit}};
		raw_refused(&r, MSG_QUEUE_OPEN, m, -1, REASON_UNKNOWN_FLAG, NULL);
	}
}

static void queues_of_extreme_sizes_work(void **state)
{
	(void)state;
	const struct {
		uint64_t area;
		uint32_t buffer, cq;
	} sizes[] = {{1, 1, 1}, {1, 0, 32768}, {5, 0, 1}, {33000, 1, 32768}, {7, 4, 65}};
	for (size_t i = 0; i < COUNT(sizes); i++) {
		struct raw_queue q;
		int pair[2];
		raw_queue_open(&q, &r, sizes[i].area * page, sizes[i].buffer, sizes[i].cq);
		harness_pair(pair);
		uint32_t flow = raw_adopt(&q, pair[1], 0);
		struct harness_sender *s = harness_send(pair[0], i, 1 << 20, HARNESS_FIN);
		raw_stream(&q, flow, i, 0, 1 << 20);
		assert_int_equal(harness_send_wait(s), 0);
		assert_int_equal(raw_closed(&q, flow), 0);
		close(pair[1]);
		raw_queue_drop(&q);
		WORLD_UNTIL(world_queues() == 1);
	}
}

static int huge_memfd(size_t bytes)
{
	int fd = memfd_create("hostile", MFD_CLOEXEC | MFD_ALLOW_SEALING | MFD_HUGETLB);
	if (fd < 0 || ftruncate(fd, (off_t)bytes) < 0 ||
	    fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK) < 0) {
		print_message("skip: no hugetlbfs here: %s\n", strerror(errno));
		skip();
	}
	return fd;
}

static int mappings_of_the_daemon(void)
{
	char path[64], line[1024];
	int n = 0;
	snprintf(path, sizeof(path), "/proc/%d/maps", (int)zcrxd.pid);
	FILE *f = fopen(path, "re");
	assert_non_null(f);
	while (fgets(line, sizeof(line), f))
		n++;
	fclose(f);
	return n;
}

/* The kernel would map all of the page, and not unmap a part of it. */
static void a_part_of_a_huge_page_is_no_area(void **state)
{
	(void)state;
	int fd = huge_memfd(GIB);
	char text[200];
	struct statfs fs;
	assert_int_equal(fstatfs(fd, &fs), 0);
	const uint64_t unit = (uint64_t)fs.f_bsize;
	snprintf(text, sizeof(text),
		 "The memfd consists of huge pages: the area's length must be a multiple of %ju "
		 "bytes, and not zero.",
		 (uintmax_t)unit);
	const uint64_t lengths[] = {0, 1, page, unit - page, unit + page, 2 * unit - page};
	int before = 0;
	for (int i = 0; i < 100; i++) {
		for (size_t k = 0; k < COUNT(lengths); k++)
			raw_refused(&r, MSG_AREA_ADD, area(lengths[k]), fd, REASON_AREA_SIZE, text);
		union msg_any m = {.area_del = {.area_id = raw_area_add(&r, fd, unit)}};
		assert_int_equal(raw_request(&r, MSG_AREA_DEL, &m, -1, NULL), 0);
		before = before ? before : mappings_of_the_daemon();
	}
	assert_true(mappings_of_the_daemon() < before + 50);
	close(fd);
}

/* There may be no huge page left: the kernel finds that out when it wants to write. */
static void an_area_without_memory_harms_its_owner_only(void **state)
{
	(void)state;
	const size_t bytes = 4 << 20;
	int fd = huge_memfd(bytes), pair[2];
	union msg_any m = area(bytes);
	if (raw_request(&r, MSG_AREA_ADD, &m, fd, NULL) < 0) {
		raw_is_refusal(&m, MSG_AREA_ADD, r.serial, REASON_DAEMON_LIMIT, NULL);
		close(fd);
		return;
	}
	close(fd);
	uint32_t id = m.area_add_reply.area_id;
	int fds[MSG_FDS_MAX];
	m = (union msg_any){.queue_open = {.area_id = id, .backend = MSG_BACKEND_COPY}};
	assert_int_equal(raw_request(&r, MSG_QUEUE_OPEN, &m, -1, fds), 0);
	harness_pair(pair);
	struct raw_queue q = {.r = &r, .id = m.queue_open_reply.queue_id, .channel = fds[2]};
	uint32_t flow = raw_adopt(&q, pair[1], 0);
	assert_int_equal(send(pair[0], "anything", 8, MSG_NOSIGNAL), 8);
	world_is_well();
	WORLD_UNTIL(raw_flow_close(&r, flow, 0) == 0);
	close(pair[0]);
	close(pair[1]);
	for (int i = 0; i < 3; i++)
		close(fds[i]);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, open_case, close_case)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(what_is_no_memfd_is_refused),
		CASE(a_memfd_that_may_shrink_or_refuses_writes_is_refused),
		CASE(a_memfd_opened_one_way_is_refused),
		CASE(sizes_that_cannot_be_are_refused),
		CASE(kinds_of_memory_that_do_not_exist_are_refused),
		CASE(the_daemons_own_files_are_refused),
		CASE(an_area_cannot_shrink_under_the_daemon),
		CASE(the_daemon_fills_no_area),
		CASE(only_a_missing_page_ends_a_stream),
		CASE(one_file_may_be_many_areas),
		CASE(an_area_in_use_stays),
		CASE(queues_of_impossible_sizes_are_refused),
		CASE(queues_of_extreme_sizes_work),
		CASE(a_part_of_a_huge_page_is_no_area),
		CASE(an_area_without_memory_harms_its_owner_only),
	};
	return cmocka_run_group_tests(tests, world_setup, world_teardown);
}
