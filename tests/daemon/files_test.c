/* SPDX-License-Identifier: MIT */
/* Files of memory are charged for as long as anybody has them, and no longer. */
#include <errno.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "daemon/grant/account.h"
#include "daemon/grant/files.h"

enum {
	LIMIT = 1 << 20,
	PART = 1 << 16,
	AREAS = 4
};

static const struct limits limits = {
	.most = {[ACCOUNT_BYTES] = LIMIT, [ACCOUNT_AREAS] = AREAS},
	.most_users = 2,
};

static struct user *alice, *bob;
static int due[2];

static int setup(void **state)
{
	(void)state;
	assert_int_equal(files_init(due), 0);
	assert_int_equal(user_get(&alice, "class", &limits, 1000, 1, NULL), 0);
	assert_int_equal(user_get(&bob, "class", &limits, 1001, 1, NULL), 0);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	files_done();
	user_put(alice);
	user_put(bob);
	account_done();
	return 0;
}

static int file_new(size_t bytes)
{
	int fd = memfd_create("files", MFD_CLOEXEC);
	assert_true(fd >= 0);
	assert_int_equal(ftruncate(fd, (off_t)bytes), 0);
	return fd;
}

static uint64_t used(enum account_kind kind)
{
	uint64_t all[ACCOUNT_KINDS];
	account_used("class", all);
	return all[kind];
}

/* Waits until files.c tells that a file is gone, and reaps: then nothing is charged any more. */
static void released(void)
{
	struct pollfd news = {.fd = due[0], .events = POLLIN};
	assert_int_equal(poll(&news, 1, 10000), 1);
	assert_true(files_reap(NULL));
	assert_int_equal(used(ACCOUNT_BYTES), 0);
	assert_false(files_reap(NULL));
}

static void still_charged(uint64_t bytes)
{
	struct pollfd news = {.fd = due[0], .events = POLLIN};
	assert_int_equal(poll(&news, 1, 0), 0);
	assert_false(files_reap(NULL));
	assert_int_equal(used(ACCOUNT_BYTES), bytes);
}

static void a_file_is_charged_until_its_last_descriptor_is_closed(void **state)
{
	(void)state;
	int fd = file_new(PART), again = dup(fd);
	assert_int_equal(files_charge(alice, fd, PART, NULL), 0);
	assert_int_equal(used(ACCOUNT_FILES), 1);
	close(fd);
	still_charged(PART);
	close(again);
	released();
	assert_int_equal(used(ACCOUNT_FILES), 0);
}

static void a_mapping_keeps_it(void **state)
{
	(void)state;
	int fd = file_new(PART);
	void *at = mmap(NULL, PART, PROT_READ, MAP_SHARED, fd, 0);
	assert_ptr_not_equal(at, MAP_FAILED);
	assert_int_equal(files_charge(alice, fd, PART, NULL), 0);
	close(fd);
	still_charged(PART);
	munmap(at, PART);
	released();
}

static void another_process_keeps_it(void **state)
{
	(void)state;
	int fd = file_new(PART), ends[2];
	assert_int_equal(pipe(ends), 0);
	assert_int_equal(files_charge(alice, fd, PART, NULL), 0);
	pid_t child = fork();
	assert_true(child >= 0);
	if (child == 0) {
		char end;
		close(ends[1]);
		_exit(read(ends[0], &end, 1) != 0);
	}
	close(fd);
	still_charged(PART);
	close(ends[1]);
	assert_int_equal(waitpid(child, NULL, 0), child);
	close(ends[0]);
	released();
}

static void in_flight_it_is_kept(void **state)
{
	(void)state;
	int fd = file_new(PART), pair[2];
	union {
		char room[CMSG_SPACE(sizeof(int))];
		struct cmsghdr aligned;
	} control = {0};
	char byte = 0;
	struct msghdr m = {.msg_iov = &(struct iovec){&byte, 1},
			   .msg_iovlen = 1,
			   .msg_control = control.room,
			   .msg_controllen = sizeof(control.room)};
	struct cmsghdr *c = CMSG_FIRSTHDR(&m);
	*c = (struct cmsghdr){.cmsg_len = CMSG_LEN(sizeof(int)),
			      .cmsg_level = SOL_SOCKET,
			      .cmsg_type = SCM_RIGHTS};
	memcpy(CMSG_DATA(c), &fd, sizeof(fd));
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
	assert_int_equal(files_charge(alice, fd, PART, NULL), 0);
	assert_int_equal(sendmsg(pair[0], &m, 0), 1);
	close(fd);
	close(pair[0]);
	still_charged(PART);
	close(pair[1]);
	released();
}

/* Deleted and added again: what a client does that receives into the same memory once more. */
static void a_file_is_charged_once(void **state)
{
	(void)state;
	int fd = file_new(LIMIT);
	for (int i = 0; i < 100; i++)
		assert_int_equal(files_charge(alice, fd, LIMIT, NULL), 0);
	still_charged(LIMIT);
	assert_int_equal(used(ACCOUNT_FILES), 1);
	close(fd);
	released();
}

static void the_largest_part_of_it_counts(void **state)
{
	(void)state;
	int fd = file_new(2 * LIMIT);
	assert_int_equal(files_charge(alice, fd, PART, NULL), 0);
	assert_int_equal(files_charge(alice, fd, 2 * PART, NULL), 0);
	assert_int_equal(files_charge(alice, fd, PART, NULL), 0);
	still_charged(2 * PART);
	assert_int_equal(files_charge(alice, fd, LIMIT + 1, NULL), -EDQUOT);
	still_charged(2 * PART);
	close(fd);
	released();
}

static void each_user_of_a_file_is_charged(void **state)
{
	(void)state;
	int fd = file_new(LIMIT);
	assert_int_equal(files_charge(alice, fd, LIMIT, NULL), 0);
	assert_int_equal(files_charge(bob, fd, PART, NULL), 0);
	still_charged(LIMIT + PART);
	close(fd);
	released();
}

static void what_was_let_go_of_is_there_for_the_next_at_once(void **state)
{
	(void)state;
	for (int i = 0; i < 100; i++) {
		int fd = file_new(LIMIT);
		assert_int_equal(files_charge(alice, fd, LIMIT, NULL), 0);
		close(fd);
	}
	released();
}

/* A user who keeps closed memory open gets no more than the limits of bytes and of files. */
static void what_is_kept_is_not_lent_again(void **state)
{
	(void)state;
	int fd[2 * AREAS + 1];
	fd[0] = file_new(LIMIT);
	fd[1] = file_new(PART);
	assert_int_equal(files_charge(alice, fd[0], LIMIT, NULL), 0);
	assert_int_equal(files_charge(alice, fd[1], 1, NULL), -EDQUOT);
	close(fd[0]);
	close(fd[1]);
	for (int i = 0; i <= 2 * AREAS; i++) {
		fd[i] = file_new(PART);
		assert_int_equal(files_charge(alice, fd[i], 1, NULL), i < 2 * AREAS ? 0 : -EDQUOT);
	}
	assert_int_equal(files_charge(bob, fd[2 * AREAS], 1, NULL), 0);
	for (int i = 0; i <= 2 * AREAS; i++)
		close(fd[i]);
	released();
}

/* The kernel drops events that nobody reads in time. */
static void nothing_stays_charged_when_events_are_lost(void **state)
{
	(void)state;
	unsigned long queued = 0;
	FILE *f = fopen("/proc/sys/fs/inotify/max_queued_events", "re");
	if (!f || fscanf(f, "%lu", &queued) != 1 || queued > 100000) {
		print_message("skip: fs.inotify.max_queued_events is %lu\n", queued);
		skip();
	}
	fclose(f);
	/* Nobody else can do this while the limits hold: one who has no limit. */
	static const struct limits none =
		{.most = {[ACCOUNT_BYTES] = UINT64_MAX, [ACCOUNT_AREAS] = UINT64_MAX},
		 .most_users = 1};
	struct user *carol;
	uint64_t all[ACCOUNT_KINDS];
	assert_int_equal(user_get(&carol, "unlimited", &none, 1002, 1, NULL), 0);
	int kept = file_new(PART);
	assert_int_equal(files_charge(alice, kept, PART, NULL), 0);
	for (unsigned long i = 0; i < queued + 10; i++) {
		int fd = file_new(0);
		assert_int_equal(files_charge(carol, fd, 1, NULL), 0);
		close(fd);
	}
	account_used("unlimited", all);
	assert_int_equal(all[ACCOUNT_FILES], queued + 10);
	assert_true(files_reap(NULL));
	account_used("unlimited", all);
	assert_int_equal(all[ACCOUNT_FILES], 0);
	still_charged(PART);
	close(kept);
	released();
	user_put(carol);
}

static void a_file_that_we_may_not_read_is_refused(void **state)
{
	(void)state;
	int fd = file_new(PART);
	if (geteuid() == 0) {
		print_message("skip: root may read anything\n");
		close(fd);
		skip();
	}
	assert_int_equal(fchmod(fd, 0), 0);
	assert_int_equal(files_charge(alice, fd, PART, NULL), -EACCES);
	still_charged(0);
	close(fd);
}

static void huge_pages_are_files_like_any_other(void **state)
{
	(void)state;
	int fd = memfd_create("files", MFD_CLOEXEC | MFD_HUGETLB);
	if (fd < 0) {
		print_message("skip: no hugetlbfs here: %s\n", strerror(errno));
		skip();
	}
	assert_int_equal(files_charge(alice, fd, PART, NULL), 0);
	close(fd);
	released();
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(a_file_is_charged_until_its_last_descriptor_is_closed),
		CASE(a_mapping_keeps_it),
		CASE(another_process_keeps_it),
		CASE(in_flight_it_is_kept),
		CASE(a_file_is_charged_once),
		CASE(the_largest_part_of_it_counts),
		CASE(each_user_of_a_file_is_charged),
		CASE(what_was_let_go_of_is_there_for_the_next_at_once),
		CASE(what_is_kept_is_not_lent_again),
		CASE(nothing_stays_charged_when_events_are_lost),
		CASE(a_file_that_we_may_not_read_is_refused),
		CASE(huge_pages_are_files_like_any_other),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
