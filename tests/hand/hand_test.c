/* SPDX-License-Identifier: MIT */
/* A hand's life, and what it tells of a socket. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/clock.h"
#include "daemon/grant/socket_facts.h"
#include "tests/hand/fixture.h"

static void reads_the_facts_of_a_socket(void **state)
{
	struct outcome o;
	struct socket_facts f;
	int pair[2];
	(void)state;
	connection(pair);
	assert_int_equal(socket_facts(&f, pair[0]), 0);
	facts_of(&o, pair[0]);
	assert_int_equal(o.reply.fault, HAND_DONE);
	assert_int_equal(o.fd, -1);
	assert_memory_equal(&o.reply.facts, &f, sizeof(f));
	close(pair[0]);
	close(pair[1]);
}

/* Its namespace comes with the facts. */
static void tells_a_foreign_socket(void **state)
{
	struct outcome o;
	struct stat st, own;
	(void)state;
	int here = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
	if (unshare(CLONE_NEWNET) < 0)
		skip();
	int sock = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_int_equal(listen(sock, 1), 0);
	assert_int_equal(stat("/proc/self/ns/net", &st), 0);
	assert_int_equal(setns(here, CLONE_NEWNET), 0);
	facts_of(&o, sock);
	assert_int_equal(o.reply.fault, HAND_DONE);
	assert_true(o.reply.facts.is_foreign && o.reply.facts.listener);
	assert_int_equal(fstat(o.fd, &own), 0);
	assert_int_equal(own.st_ino, st.st_ino);
	close(o.fd);
	give(facts_start(&o, NULL, LIMIT_MS), sock);
	wait_for_without_room(&o);
	assert_int_equal(o.reply.fault, HAND_KERNEL);
	wait_for_nobody();
	close(sock);
	close(here);
}

static void says_what_the_kernel_says(void **state)
{
	struct outcome o;
	char text[240];
	(void)state;
	int sock = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	facts_of(&o, sock);
	assert_int_equal(o.reply.fault, HAND_KERNEL);
	assert_int_equal(o.reply.error, -EPROTONOSUPPORT);
	hand_sentence(&o.reply, text, sizeof(text));
	assert_string_equal(text, "The kernel refuses it: Protocol not supported.");
	close(sock);
	close(facts_start(&o, NULL, LIMIT_MS));
	wait_for(&o);
	assert_int_equal(o.reply.fault, HAND_NOT_GIVEN);
	wait_for_nobody();
}

static void gives_a_socket_up_that_keeps_it_waiting(void **state)
{
	struct outcome o;
	int pair[2];
	(void)state;
	connection(pair);
	struct lock_holder h;
	if (!lock_of_socket_hold(&h, pair[0]))
		skip();
	uint64_t deadline = DEADLINE;
	for (bool stuck = false; !stuck; deadline *= 2) {
		assert_true(deadline < LIMIT_MS);
		give(facts_start(&o, NULL, deadline), pair[0]);
		wait_for(&o);
		assert_int_equal(o.reply.fault, HAND_LATE);
		stuck = got_stuck(0, deadline);
	}
	lock_of_socket_release(&h);
	wait_for_nobody();
	close(pair[0]);
	close(pair[1]);
}

static pid_t child_find(void)
{
	char path[64], text[64] = "";
	snprintf(path, sizeof(path), "/proc/self/task/%d/children", (int)gettid());
	FILE *f = fopen(path, "re");
	assert_non_null(f);
	assert_non_null(fgets(text, sizeof(text), f));
	fclose(f);
	return (pid_t)strtol(text, NULL, 10);
}

/* Has it 0 to 2, its socket, and what the job says, and no more? */
static bool has_its_descriptors(pid_t pid)
{
	char path[64];
	int highest = -1, n = 0;
	snprintf(path, sizeof(path), "/proc/%d/fd", (int)pid);
	DIR *d = opendir(path);
	assert_non_null(d);
	for (struct dirent *e; (e = readdir(d));) {
		if (e->d_name[0] == '.')
			continue;
		int fd = (int)strtol(e->d_name, NULL, 10);
		highest = fd > highest ? fd : highest;
		n++;
	}
	closedir(d);
	return highest == HAND_FIRST_FD && n == HAND_FIRST_FD + 1;
}

static void gets_what_its_job_needs(void **state)
{
	struct outcome o;
	struct hand *h;
	(void)state;
	int end = facts_start(&o, &h, LIMIT_MS);
	pid_t pid = child_find();
	int64_t until = clock_until(LIMIT_MS / 2);
	bool has = false;
	/* Asked for once more it may say no: a sanitizer reads files of /proc as it begins. */
	while (!(has = is_hand(pid) && has_its_descriptors(pid)) && clock_left(until))
		usleep(1000);
	assert_true(has);
	hand_forget(h);
	wait_for_nobody();
	close(end);
}

static void is_killed_at_its_deadline(void **state)
{
	struct outcome o;
	(void)state;
	int end = facts_start(&o, NULL, DEADLINE);
	wait_for(&o);
	assert_int_equal(o.reply.fault, HAND_LATE);
	assert_int_equal(o.reply.error, -ETIMEDOUT);
	wait_for_nobody();
	close(end);
}

static void tells_of_a_hand_that_died(void **state)
{
	struct outcome o;
	struct hand *h;
	(void)state;
	int end = facts_start(&o, NULL, LIMIT_MS);
	kill(child_find(), SIGKILL);
	wait_for(&o);
	assert_int_equal(o.reply.fault, HAND_DIED);
	wait_for_nobody();
	close(end);
	end = facts_start(&o, &h, LIMIT_MS);
	hand_forget(h);
	wait_for_nobody();
	assert_int_equal(o.calls, 0);
	close(end);
}

#define CASE(function) cmocka_unit_test_setup_teardown(function, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(reads_the_facts_of_a_socket), CASE(tells_a_foreign_socket),
		CASE(says_what_the_kernel_says),   CASE(gives_a_socket_up_that_keeps_it_waiting),
		CASE(gets_what_its_job_needs),     CASE(is_killed_at_its_deadline),
		CASE(tells_of_a_hand_that_died),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
