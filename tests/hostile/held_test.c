/* SPDX-License-Identifier: MIT */
/*
 * A client that sits in a page fault of its own send() on a socket that it handed over: whoever
 * touches the socket waits for as long as the client likes, and cannot be killed. Its pump does.
 * The broker must not: it can be killed, started again and ended, and serves others meanwhile.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/userfaultfd.h>
#include <poll.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "tests/hand/objects.h"
#include "tests/hostile/raw.h"
#include "tests/hostile/world.h"

enum {
	PAGE = 4096,
	AREA = 256 * 1024,
	PROCESSES = 16,
	SOON_MS = 3000, /* of the 5 s that the broker waits */
};

static struct fuse *fuse;
static const char *fuse_file;

/* ---- the client's process: it only sends ---- */

struct sending {
	int sock;
	void *page;
	pid_t tid;
};

static void *send_page(void *arg)
{
	struct sending *s = arg;
	__atomic_store_n(&s->tid, gettid(), __ATOMIC_RELEASE);
	send(s->sock, s->page, PAGE, MSG_NOSIGNAL);
	return NULL;
}

/* Memory of which nobody ever serves a fault; or NULL. */
static void *page_of_userfault(void)
{
	int fd = (int)syscall(SYS_userfaultfd, O_CLOEXEC);
	void *page = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	struct uffdio_api api = {.api = UFFD_API};
	struct uffdio_register range = {.range = {.start = (uintptr_t)page, .len = PAGE},
					.mode = UFFDIO_REGISTER_MODE_MISSING};
	if (fd < 0 || ioctl(fd, UFFDIO_API, &api) < 0 || ioctl(fd, UFFDIO_REGISTER, &range) < 0)
		return NULL;
	return page;
}

/* The same for whom userfaultfd is forbidden to. */
static void *page_of_fuse(void)
{
	struct stat st; /* asks the file system for the size, too */
	int fd = stat(fuse_file, &st) < 0 ? -1 : open(fuse_file, O_RDONLY | O_CLOEXEC);
	void *page = fd < 0 ? MAP_FAILED : mmap(NULL, PAGE, PROT_READ, MAP_PRIVATE, fd, 0);
	return page == MAP_FAILED ? NULL : page;
}

/* In the kernel, and waiting there. */
static bool waits_in_send(pid_t tid)
{
	char path[64];
	long call = -1;
	snprintf(path, sizeof(path), "/proc/self/task/%d/syscall", (int)tid);
	FILE *f = fopen(path, "re");
	if (!f || fscanf(f, "%ld", &call) != 1)
		call = -1;
	if (f)
		fclose(f);
	return call == SYS_sendto;
}

/* Says 'x' when it is stuck, or 'n' if there is no such memory here. */
static _Noreturn void sit(int sock, void *(*page)(void), int said)
{
	struct sending s = {.sock = sock};
	pthread_t thread;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	s.page = page();
	if (!s.page || pthread_create(&thread, NULL, send_page, &s) != 0) {
		(void)!write(said, "n", 1);
		_exit(1);
	}
	while (!__atomic_load_n(&s.tid, __ATOMIC_ACQUIRE) || !waits_in_send(s.tid))
		usleep(1000);
	(void)!write(said, "x", 1);
	for (;;)
		pause();
}

/* ---- the test's side ---- */

struct holder {
	pid_t client, pump;
	int peer;
};

static bool is_among(pid_t pid, const pid_t *all, int n)
{
	for (int i = 0; i < n; i++)
		if (all[i] == pid)
			return true;
	return false;
}

/* The pump that came last; there is no other new one. */
static pid_t pump_since(const pid_t *before, int n_before)
{
	pid_t now[PROCESSES];
	int n = harness_daemon_processes(&zcrxd, now, PROCESSES);
	for (int i = 0; i < n; i++)
		if (!is_among(now[i], before, n_before))
			return now[i];
	fail_msg("no pump");
	return -1;
}

/* Has it a thread in one of these states, as proc(5) names them? */
static bool has_thread(pid_t pid, const char *states)
{
	char command[96];
	snprintf(command, sizeof(command), "grep -qsE '\\) [%s] ' /proc/%d/task/*/stat", states,
		 (int)pid);
	return system(command) == 0;
}

/* It waits so that it cannot be killed. */
static bool is_stuck(pid_t pid)
{
	return has_thread(pid, "D");
}

static bool is_gone(pid_t pid)
{
	return !has_thread(pid, "RSDTt");
}

/* What the client has besides is closed here: its process has all of it. */
static void hold(struct holder *h, void *(*page)(void))
{
	struct raw r;
	struct raw_queue q;
	pid_t before[PROCESSES];
	int pair[2], said[2], n = harness_daemon_processes(&zcrxd, before, PROCESSES);
	char c = 'n';
	harness_pair(pair);
	raw_connect(&r);
	h->pump = pump_since(before, n);
	raw_queue_open(&q, &r, AREA, 0, 0);
	uint32_t flow = raw_adopt(&q, pair[1], 0);
	assert_int_equal(pipe2(said, O_CLOEXEC), 0);
	h->client = fork();
	if (h->client == 0) {
		close(pair[0]);
		sit(pair[1], page, said[1]);
	}
	close(said[1]);
	(void)!read(said[0], &c, 1);
	close(said[0]);
	h->peer = pair[0];
	close(pair[1]);
	union msg_any m = {.flow_close = {.hdr = {.size = sizeof(m.flow_close),
						  .type = MSG_FLOW_CLOSE,
						  .serial = 99},
					  .flow_id = flow}};
	raw_send(&r, &m, sizeof(m.flow_close), NULL, 0); /* it has to touch the socket */
	raw_queue_drop(&q);
	raw_close(&r);
	if (c != 'x') {
		kill(h->client, SIGKILL);
		waitpid(h->client, NULL, 0);
		close(h->peer);
		print_message("skip: no such page fault here\n");
		skip();
	}
	WORLD_UNTIL(is_stuck(h->pump));
}

static void somebody_is_served(void)
{
	struct raw r;
	struct raw_queue q;
	raw_connect(&r);
	raw_queue_open(&q, &r, AREA, 0, 0);
	raw_queue_drop(&q);
	raw_close(&r);
}

static void let_go(struct holder *h)
{
	assert_false(is_gone(h->pump));
	if (fuse) /* without it the client cannot be killed, either */
		fuse_end(fuse);
	fuse = NULL;
	kill(h->client, SIGKILL);
	waitpid(h->client, NULL, 0);
	close(h->peer);
	WORLD_UNTIL(is_gone(h->pump));
}

static void the_broker_can_be_killed_and_comes_back(void *(*page)(void))
{
	struct holder h;
	hold(&h, page);
	for (int i = 0; i < 3; i++) {
		uint64_t since = harness_now_ms();
		harness_broker_kill(&zcrxd, 0);
		somebody_is_served();
		print_message("killed, and somebody is served: %ju ms\n",
			      (uintmax_t)(harness_now_ms() - since));
		world_is_well();
		assert_int_equal(world_clients(), 2);
	}
	let_go(&h);
}

/* Is there a line of the log that has this, and the pid and user of this client's process? */
static bool says(FILE *log, const char *text)
{
	char line[1024], pid[48];
	bool found = false;
	snprintf(pid, sizeof(pid), "(pid %d, uid %u)", (int)getpid(), (unsigned)getuid());
	rewind(log);
	while (fgets(line, sizeof(line), log))
		found |= strstr(line, text) && strstr(line, pid);
	return found;
}

/*
 * Whom it waits for it says in the meantime; and what became of that. Where the test itself is held
 * up, it cannot tell whether that was in the meantime.
 */
static void its_end_waits_and_says_so(FILE *log, struct holder *goes)
{
	uint64_t soon = harness_now_ms() + SOON_MS;
	assert_int_equal(kill(zcrxd.pid, SIGTERM), 0);
	WORLD_UNTIL(says(log, "the end of zcrxd waits for client "));
	assert_true(says(log, ", 5 seconds at most: its pump is stuck"));
	bool in_time = !says(log, "did not end in time");
	assert_true(in_time || harness_now_ms() > soon);
	if (!goes)
		return;
	assert_false(says(log, ", which was waited for, has ended"));
	let_go(goes);
	in_time = harness_now_ms() < soon;
	WORLD_UNTIL(says(log, ", which was waited for, has ended") ||
		    says(log, "did not end in time"));
	assert_true(!in_time || says(log, ", which was waited for, has ended"));
}

/* harness_daemon_stop() fails unless it ends well, and in time. */
static void the_broker_ends(void *(*page)(void))
{
	bool may_let_go = page == page_of_userfault;
	struct holder h, goes;
	hold(&h, page);
	if (may_let_go)
		hold(&goes, page);
	FILE *log = fopen(zcrxd.log, "re");
	assert_non_null(log);
	uint64_t since = harness_now_ms();
	its_end_waits_and_says_so(log, may_let_go ? &goes : NULL);
	world_stop();
	print_message("ended: %ju ms\n", (uintmax_t)(harness_now_ms() - since));
	assert_true(says(log, "did not end in time, and zcrxd ends without it: its pump is"));
	fclose(log);
	world_start(NULL);
	somebody_is_served();
	let_go(&h);
}

static void killed_while_a_userfault_holds_a_pump(void **state)
{
	(void)state;
	the_broker_can_be_killed_and_comes_back(page_of_userfault);
}

static void ended_while_a_userfault_holds_a_pump(void **state)
{
	(void)state;
	the_broker_ends(page_of_userfault);
}

/* Whose file system it is, is an ordinary user elsewhere. */
static void with_a_file_system(void (*what)(void *(*page)(void)))
{
	fuse = fuse_start(&fuse_file);
	if (!fuse) {
		print_message("skip: no file system of FUSE can be mounted here\n");
		skip();
	}
	what(page_of_fuse);
}

static void killed_while_a_file_system_holds_a_pump(void **state)
{
	(void)state;
	with_a_file_system(the_broker_can_be_killed_and_comes_back);
}

static void ended_while_a_file_system_holds_a_pump(void **state)
{
	(void)state;
	with_a_file_system(the_broker_ends);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		WORLD_CASE(killed_while_a_userfault_holds_a_pump),
		WORLD_CASE(killed_while_a_file_system_holds_a_pump),
		WORLD_CASE(ended_while_a_userfault_holds_a_pump),
		WORLD_CASE(ended_while_a_file_system_holds_a_pump),
	};
	return cmocka_run_group_tests(tests, world_setup, world_teardown);
}
