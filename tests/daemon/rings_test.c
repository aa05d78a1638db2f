/* SPDX-License-Identifier: MIT */
/* The memory shared with a client: who may write what, and how lies in it are taken. */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/fd.h"
#include "base/size.h"
#include "daemon/backend/area.h"
#include "daemon/backend/rings.h"
#include "daemon/common/answer.h"
#include "daemon/grant/account.h"
#include "proto/reason.h"
#include "tests/daemon/payer.h"
#include "tests/harness/fds.h"

enum {
	CQ_ENTRIES = 256,
	RQ_ENTRIES = 64,
	CQE_BYTES = 16
};

static const struct limits limits =
	{.most = {[ACCOUNT_BYTES] = 1 << 20, [ACCOUNT_AREAS] = 10, [ACCOUNT_QUEUES] = 10},
	 .most_users = 1};
static struct user *payer;
static const struct rings_wish wish = {.cq_entries = CQ_ENTRIES,
				       .rq_entries = RQ_ENTRIES,
				       .cqe_bytes = CQE_BYTES,
				       .kernel_writes = true};
static struct rings rings;
static struct uring ring;
static int cq, rq;            /* the client's descriptors */
static struct ring_rqe *rqes; /* the client's mapping */
static uint32_t *tail;

static int setup(void **state)
{
	(void)state;
	payer = payer_new(&limits);
	assert_int_equal(rings_init(&rings, &ring, payer, &wish), 0);
	assert_int_equal(uring_enable(&ring), 0);
	cq = rings_cq_readonly(&rings);
	rq = rings_rq_duplicate(&rings);
	assert_true(cq >= 0 && rq >= 0);
	char *map =
		mmap(NULL, rings.layout.rq_map_bytes, PROT_READ | PROT_WRITE, MAP_SHARED, rq, 0);
	assert_ptr_not_equal(map, MAP_FAILED);
	rqes = (void *)(map + rings.layout.rq_rqes);
	tail = (void *)(map + rings.layout.rq_tail);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	munmap((char *)tail - rings.layout.rq_tail, rings.layout.rq_map_bytes);
	uring_done(&ring);
	rings_done(&rings);
	fd_close(cq);
	fd_close(rq);
	payer_free(payer);
	return 0;
}

static uint64_t file_bytes(int fd)
{
	struct stat st;
	assert_int_equal(fstat(fd, &st), 0);
	return (uint64_t)st.st_size;
}

static void the_reply_describes_files_that_cost_what_is_charged(void **state)
{
	(void)state;
	const struct msg_rings *at = &rings.layout;
	uint32_t page = (uint32_t)sysconf(_SC_PAGESIZE);
	assert_int_equal(file_bytes(cq), at->cq_map_bytes);
	assert_int_equal(file_bytes(rq), at->rq_map_bytes);
	uint64_t used[ACCOUNT_KINDS];
	account_used("payer", used);
	assert_int_equal(used[ACCOUNT_BYTES], at->cq_map_bytes + at->rq_map_bytes);
	assert_int_equal(used[ACCOUNT_FILES], 2);
	assert_int_equal(at->cq_entries, CQ_ENTRIES);
	assert_int_equal(at->rq_entries, RQ_ENTRIES);
	assert_true(at->cq_cqes + CQ_ENTRIES * at->cqe_bytes <= at->daemon_page);
	assert_true(at->daemon_page + sizeof(struct ring_daemon) <= at->cq_map_bytes);
	assert_int_equal(at->daemon_page % page, 0);
	assert_true(at->client_page + sizeof(struct ring_client) <= at->rq_tail);
	assert_true(at->rq_rqes + RQ_ENTRIES * at->rqe_bytes <= at->rq_map_bytes);
	assert_int_equal(at->side_map_bytes, 0);
}

/* Whatever this descriptor of the cq file is, it cannot change it. */
static void cannot_change(int fd, size_t bytes)
{
	assert_int_equal(write(fd, "x", 1), -1);
	assert_int_equal(pwrite(fd, "x", 1, (off_t)rings.layout.daemon_page), -1);
	assert_int_equal(ftruncate(fd, 0), -1);
	assert_int_equal(ftruncate(fd, (off_t)bytes * 2), -1);
	assert_int_equal(fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, 4096), -1);
	assert_int_equal(fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE), -1);
	void *map = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	assert_ptr_equal(map, MAP_FAILED);
	map = mmap(NULL, bytes, PROT_READ, MAP_SHARED, fd, 0);
	assert_ptr_not_equal(map, MAP_FAILED);
	assert_int_equal(mprotect(map, bytes, PROT_READ | PROT_WRITE), -1);
	assert_int_equal(madvise(map, bytes, MADV_REMOVE), -1);
	munmap(map, bytes);
}

static void nobody_but_the_kernel_writes_completions(void **state)
{
	(void)state;
	size_t bytes = rings.layout.cq_map_bytes;
	char path[64];
	cannot_change(cq, bytes);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", cq);
	_cleanup_(fd_closep) int again = open(path, O_RDWR | O_CLOEXEC);
	if (again >= 0) /* root may, whatever the mode */
		cannot_change(again, bytes);
	else
		assert_int_equal(errno, EACCES);
	char *map = mmap(NULL, bytes, PROT_READ, MAP_SHARED, cq, 0);
	assert_ptr_not_equal(map, MAP_FAILED);
	io_uring_prep_nop(uring_sqe(&ring));
	assert_true(uring_enter(&ring) >= 0);
	assert_int_equal(ring_load((uint32_t *)(void *)(map + rings.layout.cq_tail)), 1);
	rings.daemon->events = 77;
	assert_int_equal(((struct ring_daemon *)(void *)(map + rings.layout.daemon_page))->events,
			 77);
	munmap(map, bytes);
}

static void the_refill_file_keeps_its_size(void **state)
{
	(void)state;
	off_t bytes = rings.layout.rq_map_bytes;
	assert_int_equal(ftruncate(rq, 0), -1);
	assert_int_equal(ftruncate(rq, bytes * 2), -1);
	assert_int_equal(fallocate(rq, 0, bytes, bytes), -1);
	assert_int_equal(fcntl(rq, F_ADD_SEALS, F_SEAL_FUTURE_WRITE), -1);
	assert_int_equal(file_bytes(rq), bytes);
}

/* The next entry's offset, or -1. */
static int64_t next(uint32_t *skipped)
{
	struct ring_rqe entry;
	return rings_refill_next(&rings, &entry, skipped) ? (int64_t)entry.off : -1;
}

static void refills_come_in_order_and_across_the_wrap_of_the_index(void **state)
{
	(void)state;
	uint32_t skipped = 0;
	rings.rq_head = UINT32_MAX - RQ_ENTRIES;
	ring_store(tail, rings.rq_head);
	for (uint32_t n = 0; n < 4 * RQ_ENTRIES; n++) {
		assert_false(rings_refill_pending(&rings));
		assert_int_equal(next(&skipped), -1);
		rqes[*tail & (RQ_ENTRIES - 1)] = (struct ring_rqe){.off = n};
		ring_store(tail, *tail + 1);
		assert_true(rings_refill_pending(&rings));
		assert_int_equal(next(&skipped), n);
	}
	assert_int_equal(skipped, 0);
}

static void a_full_ring_is_taken_whole(void **state)
{
	(void)state;
	uint32_t skipped = 0;
	for (uint32_t n = 0; n < RQ_ENTRIES; n++)
		rqes[n].off = n;
	ring_store(tail, RQ_ENTRIES);
	for (uint32_t n = 0; n < RQ_ENTRIES; n++)
		assert_int_equal(next(&skipped), n);
	assert_int_equal(next(&skipped), -1);
	assert_int_equal(skipped, 0);
}

static void what_comes_after_noting_is_news(void **state)
{
	(void)state;
	ring_store(tail, *tail + 2);
	assert_true(rings_refill_note(&rings));
	assert_false(rings_refill_note(&rings));
	ring_store(tail, *tail + 1);
	assert_true(rings_refill_pending(&rings));
	assert_true(rings_refill_note(&rings));
	assert_false(rings_refill_pending(&rings));
}

static void a_tail_that_claims_too_much_is_skipped_and_counted(void **state)
{
	(void)state;
	const uint32_t jumps[] = {RQ_ENTRIES + 1, 1u << 31, (1u << 31) + 1, UINT32_MAX, 0u - 5};
	for (uint32_t i = 0; i < ARRAY_LENGTH(jumps); i++) {
		uint32_t skipped = 0;
		ring_store(tail, rings.rq_head + jumps[i]);
		assert_int_equal(next(&skipped), -1);
		assert_int_equal(skipped, 1);
		assert_false(rings_refill_pending(&rings));
		rqes[*tail & (RQ_ENTRIES - 1)].off = i;
		ring_store(tail, *tail + 1);
		assert_int_equal(next(&skipped), i);
	}
}

static void a_hole_in_the_refill_file_reads_as_nothing(void **state)
{
	(void)state;
	uint32_t skipped = 0;
	rqes[0].off = 7;
	ring_store(tail, 1);
	assert_int_equal(fallocate(rq, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0,
				   rings.layout.rq_map_bytes),
			 0);
	assert_false(rings_refill_pending(&rings));
	assert_int_equal(next(&skipped), -1);
	ring_store(tail, 1);
	assert_int_equal(next(&skipped), 0);
}

static void its_files_are_nobodys_area_as_long_as_they_are_used(void **state)
{
	(void)state;
	struct area *area = NULL;
	struct answer answer = {0};
	const struct msg_area_add add = {.kind = MSG_AREA_MEMFD,
					 .length = (uint64_t)sysconf(_SC_PAGESIZE)};
	assert_int_equal(area_new(&area, payer, rq, &add, UINT64_MAX, &answer), REASON_FD_KIND);
	assert_int_equal(area_new(&area, payer, cq, &add, UINT64_MAX, &answer), REASON_FD_ACCESS);
	uring_done(&ring);
	rings_done(&rings);
	assert_int_equal(area_new(&area, payer, rq, &add, UINT64_MAX, &answer), REASON_NONE);
	area_free(area);
	assert_int_equal(rings_init(&rings, &ring, payer, &wish), 0);
}

static void without_descriptors_it_fails_and_leaves_nothing(void **state)
{
	(void)state;
	struct rlimit limit, low;
	struct rings r;
	struct uring u;
	int failed = 0, before = fds_open(), e = -1;
	int lowest = dup(0);
	close(lowest);
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &limit), 0);
	low = limit;
	for (int room = 0; e < 0 && room < 10; room++) {
		low.rlim_cur = (rlim_t)(lowest + room);
		assert_int_equal(setrlimit(RLIMIT_NOFILE, &low), 0);
		e = rings_init(&r, &u, payer, &wish);
		assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
		failed += e == -EMFILE;
		if (e < 0)
			assert_int_equal(fds_open(), before);
	}
	assert_int_equal(e, 0);
	assert_true(failed >= 3); /* at each: two files, the ring */
	uring_done(&u);
	rings_done(&r);
	assert_int_equal(fds_open(), before);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(the_reply_describes_files_that_cost_what_is_charged),
		CASE(nobody_but_the_kernel_writes_completions),
		CASE(the_refill_file_keeps_its_size),
		CASE(refills_come_in_order_and_across_the_wrap_of_the_index),
		CASE(a_full_ring_is_taken_whole),
		CASE(what_comes_after_noting_is_news),
		CASE(a_tail_that_claims_too_much_is_skipped_and_counted),
		CASE(a_hole_in_the_refill_file_reads_as_nothing),
		CASE(its_files_are_nobodys_area_as_long_as_they_are_used),
		CASE(without_descriptors_it_fails_and_leaves_nothing),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
