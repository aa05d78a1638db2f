/* SPDX-License-Identifier: MIT */
/* Lies in the shared rings, and attempts to write where only the daemon may. */
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "tests/hostile/raw.h"
#include "tests/hostile/world.h"

enum {
	MIB = 1 << 20,
	BUFFERS = 16,
	SEED = 99,
	NOBODY = 65534
};

static struct raw r;
static struct raw_queue q;
static int sock[2]; /* sender, adopted */
static uint32_t flow;
static uint64_t sent, pos; /* of the stream */

static int open_case(void **state)
{
	(void)state;
	uint32_t page = (uint32_t)sysconf(_SC_PAGESIZE);
	raw_connect(&r);
	raw_queue_open(&q, &r, (size_t)BUFFERS * page, page, 64);
	harness_pair(sock);
	flow = raw_adopt(&q, sock[1], 0);
	sent = pos = 0;
	return 0;
}

static int close_case(void **state)
{
	world_is_well();
	union msg_any m = {.queue_close = {.queue_id = q.id}};
	assert_int_equal(raw_request(&r, MSG_QUEUE_CLOSE, &m, -1, NULL), 0);
	raw_queue_drop(&q);
	raw_close(&r);
	close(sock[0]);
	close(sock[1]);
	return world_is_empty(state);
}

/* Sends the next bytes of the stream; they fit the socket. */
static void put(size_t bytes)
{
	char data[65536];
	assert_true(bytes <= sizeof(data));
	harness_pattern(data, SEED, sent, bytes);
	sent += bytes;
	assert_int_equal(send(sock[0], data, bytes, MSG_NOSIGNAL), bytes);
}

/* The stream goes on as if nothing had been. */
static void stream_goes_on(void)
{
	for (int i = 0; i < 10; i++) {
		put(3 * q.buffer_bytes);
		raw_stream(&q, flow, SEED, pos, 3 * q.buffer_bytes);
		pos += 3 * q.buffer_bytes;
	}
}

static struct raw_data wait_data(void)
{
	struct raw_data d;
	WORLD_UNTIL(raw_take(&q, &d));
	return d;
}

static uint64_t counter(const uint64_t *of_the_daemon)
{
	return __atomic_load_n(of_the_daemon, __ATOMIC_RELAXED);
}

static uint64_t refused(void)
{
	return counter(&raw_daemon(&q)->refills_refused);
}

static uint64_t heads_refused(void)
{
	return counter(&raw_daemon(&q)->heads_refused);
}

/* Has the daemon look at the rings: it does when data comes. */
static void nudge(void)
{
	put(100);
	struct raw_data d = wait_data();
	pos += 100;
	/* All buffers but this one are back. */
	WORLD_UNTIL(counter(&raw_daemon(&q)->refills) + 1 == counter(&raw_daemon(&q)->completions));
	raw_refill(&q, d.off, 0);
}

static void refills_of_nothing_are_refused_and_counted(void **state)
{
	(void)state;
	const uint64_t wrong[] = {q.area_bytes,
				  q.area_bytes + q.buffer_bytes,
				  1ull << 31,
				  1ull << 32,
				  (1ull << 32) | 1,
				  1ull << 63,
				  UINT64_MAX,
				  q.area_bytes - 1 /* not out */,
				  q.area_bytes - q.buffer_bytes /* neither */};
	const size_t count = sizeof(wrong) / sizeof(wrong[0]);
	for (size_t i = 0; i < count; i++)
		raw_refill(&q, wrong[i], 0);
	nudge();
	WORLD_UNTIL(refused() == count);
	stream_goes_on();
	assert_int_equal(refused(), count);
}

static void a_refill_counts_once_however_often_it_comes(void **state)
{
	(void)state;
	put(100);
	struct raw_data d = wait_data();
	pos += 100;
	raw_refill(&q, d.off, 7); /* its pad is not zero */
	raw_refill(&q, d.off, UINT32_MAX);
	for (int i = 0; i < 5; i++)
		raw_refill(&q, d.off, 0);
	nudge();
	WORLD_UNTIL(refused() == 6);
	stream_goes_on();
	assert_int_equal(refused(), 6);
}

static void a_refill_tail_that_jumps_is_skipped(void **state)
{
	(void)state;
	const uint32_t jumps[] = {q.at.rq_entries + 1, 1u << 31, (1u << 31) + 5, UINT32_MAX - 1,
				  0u - 5};
	for (size_t i = 0; i < sizeof(jumps) / sizeof(jumps[0]); i++) {
		uint64_t before = refused();
		nudge(); /* its refill is the only one that waits, and is lost with the jump */
		uint64_t lost = q.refills - 1;
		q.refills += jumps[i];
		ring_store((void *)(q.rq + q.at.rq_tail), q.refills);
		put(100);
		struct raw_data d = wait_data();
		pos += 100;
		WORLD_UNTIL(refused() == before + 1);
		raw_refill(&q, d.off, 0);
		size_t index = lost & (q.at.rq_entries - 1);
		struct ring_rqe again;
		memcpy(&again, q.rq + q.at.rq_rqes + index * q.at.rqe_bytes, sizeof(again));
		raw_refill(&q, again.off, 0);
		stream_goes_on();
		assert_int_equal(refused(), before + 1);
	}
}

static void a_head_out_of_range_is_ignored_and_counted(void **state)
{
	(void)state;
	const uint32_t lies[] = {3, 64, 1u << 31, (1u << 31) + 1, 0u - 3000, 0u - 5000};
	stream_goes_on();
	for (size_t i = 0; i < sizeof(lies) / sizeof(lies[0]); i++) {
		uint64_t before = heads_refused(), entered = counter(&raw_daemon(&q)->enters);
		put(100);
		WORLD_UNTIL(raw_tail(&q) != q.head);
		ring_store(&raw_client(&q)->cq_head, raw_tail(&q) + lies[i]);
		put(100);
		WORLD_UNTIL(heads_refused() > before);
		usleep(50000); /* such a lie is no reason to look at it over and over */
		assert_in_range(counter(&raw_daemon(&q)->enters) - entered, 1, 100);
		raw_stream(&q, flow, SEED, pos, 200);
		pos += 200;
		stream_goes_on();
	}
}

static void garbage_all_over_the_refill_file_harms_nobody(void **state)
{
	(void)state;
	uint32_t word = 12345;
	uint64_t until = harness_now_ms() + 500;
	struct harness_sender *s = harness_send(sock[0], SEED, MIB, HARNESS_STAY);
	while (harness_now_ms() < until)
		for (size_t at = 0; at < q.at.rq_map_bytes; at += 4) {
			word = word * 1664525 + 1013904223;
			ring_store((void *)(q.rq + at), word >> (word & 31));
		}
	world_is_well();
	memset(q.rq, 0xff, q.at.rq_map_bytes);
	world_is_well();
	raw_flow_close(&r, flow, MSG_CLOSE_ABORT);
	harness_send_wait(s);
}

static void *punch(void *stop)
{
	while (!__atomic_load_n((bool *)stop, __ATOMIC_ACQUIRE)) {
		fallocate(q.rq_fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0,
			  q.at.rq_map_bytes);
		fallocate(q.area_fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0,
			  (off_t)q.area_bytes);
	}
	return NULL;
}

static void holes_in_its_files_harm_their_owner_only(void **state)
{
	(void)state;
	bool stop = false;
	pthread_t thread;
	uint64_t until = harness_now_ms() + 500;
	struct harness_sender *s = harness_send(sock[0], SEED, 8 * MIB, HARNESS_STAY);
	assert_int_equal(pthread_create(&thread, NULL, punch, &stop), 0);
	while (harness_now_ms() < until) {
		struct raw_data d;
		while (raw_take(&q, &d))
			raw_refill(&q, d.off, 0);
		raw_kick(&q);
		usleep(100);
	}
	world_is_well();
	__atomic_store_n(&stop, true, __ATOMIC_RELEASE);
	pthread_join(thread, NULL);
	raw_flow_close(&r, flow, MSG_CLOSE_ABORT);
	shutdown(sock[0], SHUT_RDWR); /* a hole has ended the flow, and nobody reads its socket */
	harness_send_wait(s);
}

/* Whatever this descriptor of the cq file is, it cannot change it. */
static void cannot_change(int fd)
{
	size_t bytes = q.at.cq_map_bytes;
	assert_int_equal(write(fd, "x", 1), -1);
	assert_int_equal(pwrite(fd, "x", 1, (off_t)q.at.daemon_page), -1);
	assert_int_equal(ftruncate(fd, 0), -1);
	assert_int_equal(ftruncate(fd, (off_t)bytes * 2), -1);
	assert_int_equal(fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, 4096), -1);
	assert_int_equal(fallocate(fd, 0, 0, (off_t)bytes * 2), -1);
	assert_int_equal(fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE), -1);
	assert_ptr_equal(mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0), MAP_FAILED);
	void *at = mmap(NULL, bytes, PROT_READ, MAP_SHARED, fd, 0);
	assert_ptr_not_equal(at, MAP_FAILED);
	assert_int_equal(mprotect(at, bytes, PROT_READ | PROT_WRITE), -1);
	assert_int_equal(madvise(at, bytes, MADV_REMOVE), -1);
	munmap(at, bytes);
}

static void the_completion_file_cannot_be_changed(void **state)
{
	(void)state;
	char path[64];
	snprintf(path, sizeof(path), "/proc/self/fd/%d", q.cq_fd);
	cannot_change(q.cq_fd);
	int again = open(path, O_RDWR | O_CLOEXEC);
	assert_true(again >= 0 || errno == EACCES);
	if (again >= 0) { /* root, whatever the mode */
		cannot_change(again);
		fchmod(again, 0777);
		close(again);
	}
	stream_goes_on();
}

static void an_ordinary_user_cannot_even_open_it(void **state)
{
	(void)state;
	if (geteuid() != 0) {
		print_message("skip: only root can become another user\n");
		skip();
	}
	char path[64];
	snprintf(path, sizeof(path), "/proc/self/fd/%d", q.cq_fd);
	pid_t pid = fork();
	if (pid == 0) {
		if (setgroups(0, NULL) < 0 || setgid(NOBODY) < 0 || setuid(NOBODY) < 0)
			_exit(1);
		_exit(open(path, O_RDWR | O_CLOEXEC) == -1 && errno == EACCES ? 0 : 2);
	}
	int status = -1;
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, open_case, close_case)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(refills_of_nothing_are_refused_and_counted),
		CASE(a_refill_counts_once_however_often_it_comes),
		CASE(a_refill_tail_that_jumps_is_skipped),
		CASE(a_head_out_of_range_is_ignored_and_counted),
		CASE(garbage_all_over_the_refill_file_harms_nobody),
		CASE(holes_in_its_files_harm_their_owner_only),
		CASE(the_completion_file_cannot_be_changed),
		CASE(an_ordinary_user_cannot_even_open_it),
	};
	return cmocka_run_group_tests(tests, world_setup, world_teardown);
}
