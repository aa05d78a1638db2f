/* SPDX-License-Identifier: MIT */
/* The real zcrx-hand, started by the broker's module, on objects that are as they should be, wrong,
 * and hostile. */
#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <netinet/in.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/fd.h"
#include "daemon/broker/hand.h"
#include "daemon/grant/socket_facts.h"
#include "proto/wire.h"
#include "tests/hand/objects.h"

#define PAYER    7
#define LIMIT_MS 60000 /* of what is not to be late; a machine may be busy */
#define DEADLINE 200
#define TICK_US  5000
#define YAMA     "/proc/sys/kernel/yama/ptrace_scope"

static sd_event *loop;
static struct hands *hands;

struct outcome {
	unsigned calls, shown;
	int verdict; /* on what is shown */
	struct hand_reply reply;
	int fd;
};

/* A job on what a pump gives. */
struct given {
	struct hand_job job;
	int first, second; /* the pump's numbers; -1: none */
};

static int shown(void *owner, const int *fds, uint32_t nfds)
{
	struct outcome *o = owner;
	for (uint32_t i = 0; i < nfds; i++)
		assert_true(fcntl(fds[i], F_GET_SEALS) & F_SEAL_SHRINK);
	o->shown += nfds;
	return o->verdict;
}

static void done(void *owner, const struct hand_reply *reply, int fd)
{
	struct outcome *o = owner;
	o->calls++;
	o->reply = *reply;
	o->fd = fd;
}

static const struct hand_calls calls = {.shown = shown, .done = done};

static int setup(void **state)
{
	(void)state;
	return sd_event_new(&loop) < 0 ||
	       hands_new(&hands, loop, getenv("ZCRX_HAND"), NULL, NULL) < 0;
}

static int teardown(void **state)
{
	(void)state;
	hands = hands_free(hands);
	loop = sd_event_unref(loop);
	return 0;
}

static int try_given(struct outcome *o, const struct stand_in *p, const struct given *g,
		     uint64_t payer, uint64_t deadline_ms)
{
	int pair[2];
	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair), 0);
	int fds[] = {pair[0], p->pidfd};
	int r = hand_start(NULL, hands, &g->job, fds, 2, payer, deadline_ms, &calls, o);
	if (r == 0 && g->first >= 0)
		stand_in_give(p, pair[1], g->first, g->second);
	close(pair[0]);
	close(pair[1]);
	return r;
}

static void start_given(struct outcome *o, const struct stand_in *p, const struct given *g,
			uint64_t payer, uint64_t deadline_ms)
{
	*o = (struct outcome){.fd = -1, .verdict = o->verdict};
	assert_int_equal(try_given(o, p, g, payer, deadline_ms), 0);
}

/* Until it has answered. */
static void wait_for(const struct outcome *o)
{
	int64_t until = clock_until(LIMIT_MS);
	while (!o->calls && clock_left(until))
		assert_true(sd_event_run(loop, TICK_US) >= 0);
	assert_int_equal(o->calls, 1);
}

/* The broker has no room for what comes with the answers. */
static void wait_for_without_room(const struct outcome *o)
{
	struct rlimit before, none;
	int lowest = fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 0);
	close(lowest);
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
	none = (struct rlimit){(rlim_t)lowest, before.rlim_max};
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
	wait_for(o);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
	assert_int_equal(o->fd, -1);
	assert_int_equal(o->shown, 0);
	assert_int_equal(o->reply.error, -EMFILE);
}

static void wait_for_nobody_but(uint64_t payer, unsigned n)
{
	int64_t until = clock_until(LIMIT_MS);
	while (hands_held(hands, payer) > n && clock_left(until))
		assert_true(sd_event_run(loop, TICK_US) >= 0);
	assert_int_equal(hands_held(hands, payer), n);
}

static void wait_for_nobody(uint64_t payer)
{
	wait_for_nobody_but(payer, 0);
}

static void run_given(struct outcome *o, const struct stand_in *p, const struct given *g)
{
	start_given(o, p, g, PAYER, LIMIT_MS);
	wait_for(o);
	wait_for_nobody(PAYER);
}

static struct given zcrx_job(const struct stand_in *p, const char *ifname)
{
	return (struct given){.job = {.kind = HAND_ZCRX,
				      .zcrx = {.ring = p->ring,
					       .ifindex = if_nametoindex(ifname),
					       .rxq = 1,
					       .rq_entries = REFILL_ENTRIES,
					       .refills_offset = REFILLS_OFFSET,
					       .refills_bytes = REFILLS_BYTES,
					       .area_bytes = AREA_BYTES}},
			      .first = p->refills,
			      .second = p->area};
}

/* ---- sockets ---- */

static const struct hand_job facts_job = {.kind = HAND_FACTS};

/* A hand that is told the facts of a socket. Returns the end by which the socket is given. */
static int facts_start(struct outcome *o, struct hand **ret, uint64_t deadline_ms)
{
	int pair[2];
	*o = (struct outcome){.fd = -1};
	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair), 0);
	assert_int_equal(hand_start(ret, hands, &facts_job, pair, 1, PAYER, deadline_ms, &calls, o),
			 0);
	close(pair[0]);
	return pair[1];
}

static void give(int end, int sock)
{
	const struct msg_hdr m = {.size = sizeof(m), .nfds = 1};
	assert_int_equal(wire_send(end, &m, &sock, 0), 0);
	close(end);
}

static void facts_of(struct outcome *o, int sock)
{
	give(facts_start(o, NULL, LIMIT_MS), sock);
	wait_for(o);
	wait_for_nobody(PAYER);
}

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
	wait_for_nobody(PAYER);
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
	wait_for_nobody(PAYER);
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
	give(facts_start(&o, NULL, DEADLINE), pair[0]);
	wait_for(&o);
	assert_int_equal(o.reply.fault, HAND_LATE);
	assert_int_equal(hands_held(hands, PAYER), 1);
	lock_of_socket_release(&h);
	wait_for_nobody(PAYER);
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

/* It has 0 to 2, its socket, and what the job says. */
static void check_descriptors(pid_t pid)
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
	assert_int_equal(highest, HAND_FIRST_FD);
	assert_int_equal(n, HAND_FIRST_FD + 1);
}

static bool is_hand(pid_t pid);

/* The hand among the children; 0: there is none. */
static pid_t hand_find(void)
{
	char path[64], children[512] = "";
	snprintf(path, sizeof(path), "/proc/self/task/%d/children", (int)gettid());
	FILE *f = fopen(path, "re");
	assert_non_null(f);
	(void)!fgets(children, sizeof(children), f);
	fclose(f);
	char *rest = children;
	for (char *word; (word = strtok_r(rest, " ", &rest));)
		if (is_hand((pid_t)strtol(word, NULL, 10)))
			return (pid_t)strtol(word, NULL, 10);
	return 0;
}

static bool is_hand(pid_t pid)
{
	char path[64], name[32] = "";
	snprintf(path, sizeof(path), "/proc/%d/comm", (int)pid);
	FILE *f = fopen(path, "re");
	bool is = f && fgets(name, sizeof(name), f) && strcmp(name, "zcrx-hand\n") == 0;
	if (f)
		fclose(f);
	return is;
}

static void gets_what_its_job_needs_and_is_killed_at_its_deadline(void **state)
{
	struct outcome o;
	(void)state;
	int end = facts_start(&o, NULL, 3000);
	pid_t pid = child_find();
	for (int i = 0; i < 1000 && !is_hand(pid); i++)
		usleep(1000);
	check_descriptors(pid);
	wait_for(&o);
	assert_int_equal(o.reply.fault, HAND_LATE);
	assert_int_equal(o.reply.error, -ETIMEDOUT);
	wait_for_nobody(PAYER);
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
	wait_for_nobody(PAYER);
	close(end);
	end = facts_start(&o, &h, LIMIT_MS);
	hand_forget(h);
	wait_for_nobody(PAYER);
	assert_int_equal(o.calls, 0);
	close(end);
}

/* ---- a pump's descriptors ---- */

static struct given files_job(int first, int second)
{
	return (struct given){.job = {.kind = HAND_FILES, .files = {.n = second < 0 ? 1 : 2}},
			      .first = first,
			      .second = second};
}

static void shows_a_pumps_memory(void **state)
{
	struct stand_in p;
	struct outcome o = {.verdict = 0};
	(void)state;
	stand_in_start(&p, NULL, false);
	struct given both = files_job(p.area, p.refills);
	run_given(&o, &p, &both);
	assert_int_equal(o.reply.fault, HAND_DONE);
	assert_int_equal(o.shown, 2);
	o.verdict = -EDQUOT;
	run_given(&o, &p, &both);
	assert_int_equal(o.reply.fault, HAND_REFUSED);
	assert_int_equal(o.reply.error, -EDQUOT);
	o.verdict = 0;
	start_given(&o, &p, &both, PAYER, LIMIT_MS);
	wait_for_without_room(&o);
	assert_int_equal(o.reply.fault, HAND_REFUSED);
	wait_for_nobody(PAYER);
	o.verdict = -EDQUOT;
	struct given queue = zcrx_job(&p, "lo");
	run_given(&o, &p, &queue);
	assert_int_equal(o.shown, 2);
	assert_int_equal(o.reply.fault, HAND_REFUSED); /* and nothing was registered */
	stand_in_end(&p);
}

/* The last descriptor is never the broker's: the hand has one until it was heard. */
static void keeps_what_it_shows_until_it_was_heard(void **state)
{
	struct stand_in p;
	struct outcome o = {.verdict = 0};
	(void)state;
	stand_in_start(&p, NULL, false);
	struct given one = files_job(p.area, -1);
	start_given(&o, &p, &one, PAYER, LIMIT_MS);
	pid_t pid = 0;
	for (int i = 0; i < LIMIT_MS && !(pid = hand_find()); i++)
		usleep(1000);
	while (!o.shown)
		assert_true(sd_event_run(loop, TICK_US) >= 0);
	usleep(100000); /* it has answered by now */
	assert_true(is_hand(pid));
	wait_for(&o);
	wait_for_nobody(PAYER);
	stand_in_end(&p);
}

static void check_refused(const struct stand_in *p, const struct given *g, enum hand_fault fault)
{
	struct outcome o = {.verdict = 0};
	char text[240];
	run_given(&o, p, g);
	assert_int_equal(o.reply.fault, fault);
	assert_true(o.reply.error < 0);
	hand_sentence(&o.reply, text, sizeof(text));
	assert_true(strlen(text) > 20);
}

static void refuses_rings_and_areas_that_are_something_else(void **state)
{
	struct stand_in p;
	(void)state;
	stand_in_start(&p, NULL, false);
	struct given good = zcrx_job(&p, "lo"), g = good;
	g.job.zcrx.ring = p.socket;
	check_refused(&p, &g, HAND_NOT_A_RING);
	g.job.zcrx.ring = p.area;
	check_refused(&p, &g, HAND_NOT_A_RING);
	g.job.zcrx.ring = OBJECTS_NOT_OPEN;
	check_refused(&p, &g, HAND_NO_DESCRIPTOR);
	g.job.zcrx.ring = -1;
	check_refused(&p, &g, HAND_NO_DESCRIPTOR);
	g = good;
	g.second = p.unsealed;
	check_refused(&p, &g, HAND_NOT_MEMORY);
	g.second = p.socket;
	check_refused(&p, &g, HAND_NOT_MEMORY);
	g.second = p.small;
	check_refused(&p, &g, HAND_TOO_SMALL);
	g.job.zcrx.is_dmabuf = true;
	check_refused(&p, &g, HAND_NOT_MEMORY);
	g = good;
	g.first = p.small;
	check_refused(&p, &g, HAND_TOO_SMALL);
	g.job.zcrx.refills_offset = UINT64_MAX - 4095;
	check_refused(&p, &g, HAND_TOO_SMALL);
	check_refused(&p, &good, HAND_KERNEL); /* lo has no such queue */
	stand_in_end(&p);
}

static void refuses_what_is_not_given(void **state)
{
	struct stand_in p;
	(void)state;
	stand_in_start(&p, NULL, false);
	struct given g = zcrx_job(&p, "lo");
	g.second = -1;
	check_refused(&p, &g, HAND_NOT_GIVEN);
	g.first = -1;
	check_refused(&p, &g, HAND_NOT_GIVEN);
	g = files_job(p.unsealed, -1);
	check_refused(&p, &g, HAND_NOT_MEMORY);
	g = (struct given){.job = {.kind = HAND_DEVMEM, .devmem = {.ifindex = 1, .n = 1}},
			   .first = p.area,
			   .second = -1};
	check_refused(&p, &g, HAND_NOT_MEMORY);
	g.first = -1;
	check_refused(&p, &g, HAND_NOT_GIVEN);
	stand_in_end(&p);
}

/* ---- hostile ones ---- */

static bool need_root(void)
{
	if (geteuid() == 0)
		return true;
	print_message("skip: only root may have page faults of the kernel served, and mount\n");
	return false;
}

static int tick(sd_event_source *source, uint64_t usec, void *data)
{
	unsigned *ticks = data;
	(void)usec;
	(*ticks)++;
	sd_event_source_set_time_relative(source, TICK_US);
	return sd_event_source_set_enabled(source, SD_EVENT_ONESHOT);
}

/* Children that sleep: after they were killed those that cannot end. */
static unsigned stuck(void)
{
	char path[64], children[512] = "", state;
	unsigned n = 0;
	snprintf(path, sizeof(path), "/proc/self/task/%d/children", (int)gettid());
	FILE *f = fopen(path, "re");
	assert_non_null(f);
	(void)!fgets(children, sizeof(children), f);
	fclose(f);
	char *rest = children;
	for (char *word; (word = strtok_r(rest, " ", &rest));) {
		snprintf(path, sizeof(path), "/proc/%s/stat", word);
		f = fopen(path, "re");
		n += f && fscanf(f, "%*d (zcrx-hand) %c", &state) == 1 &&
		     (state == 'D' || state == 'S');
		if (f)
			fclose(f);
	}
	return n;
}

/*
 * Until one more of the payer's hands is stuck. On a busy machine one may be killed before it gets
 * so far; the next one has twice the time.
 */
static struct hand_reply stick(const struct stand_in *p, const struct given *g)
{
	struct outcome o = {.verdict = 0};
	unsigned before = hands_held(hands, PAYER);
	for (uint64_t deadline = DEADLINE; deadline < LIMIT_MS; deadline *= 2) {
		int64_t until = clock_until((int)(2 * deadline));
		start_given(&o, p, g, PAYER, deadline);
		wait_for(&o);
		while (hands_held(hands, PAYER) > before && clock_left(until))
			assert_true(sd_event_run(loop, TICK_US) >= 0);
		if (hands_held(hands, PAYER) > before && stuck() > before)
			return o.reply;
		wait_for_nobody_but(PAYER, before);
	}
	fail_msg("no hand got stuck");
	return o.reply;
}

static void a_ring_whose_lock_is_held_holds_nobody_else(void **state)
{
	struct stand_in p, other;
	struct outcome o = {.verdict = 0};
	unsigned ticks = 0;
	sd_event_source *timer;
	(void)state;
	if (!need_root())
		skip();
	stand_in_start(&p, NULL, true);
	stand_in_start(&other, NULL, false);
	struct given g = zcrx_job(&p, "lo");
	assert_true(sd_event_add_time_relative(loop, &timer, CLOCK_MONOTONIC, TICK_US, 1, tick,
					       &ticks) >= 0);
	for (unsigned i = 0; i < HANDS_EACH_MAX; i++)
		assert_int_equal(stick(&p, &g).fault, HAND_LATE);
	assert_true(ticks > 3);
	/* They are killed, cannot die, and count. */
	assert_int_equal(hands_held(hands, PAYER), HANDS_EACH_MAX);
	assert_int_equal(try_given(&o, &p, &g, PAYER, DEADLINE), -EDQUOT);
	g = zcrx_job(&other, "lo");
	start_given(&o, &other, &g, PAYER + 1, LIMIT_MS);
	wait_for(&o);
	assert_int_equal(o.reply.fault, HAND_KERNEL);
	assert_int_equal(hands_held(hands, PAYER), HANDS_EACH_MAX);
	/* They go with the pump. */
	stand_in_end(&p);
	wait_for_nobody(PAYER);
	stand_in_end(&other);
	sd_event_source_disable_unref(timer);
}

static void files_that_do_not_answer_hold_nobody(void **state)
{
	struct stand_in p;
	const char *file;
	(void)state;
	struct fuse *fuse = geteuid() == 0 ? fuse_start(&file) : NULL;
	if (!fuse) {
		print_message("skip: no file system of FUSE can be mounted here\n");
		skip();
	}
	stand_in_start(&p, file, false);
	assert_true(p.fuse >= 0);
	struct given g = zcrx_job(&p, "lo");
	g.job.zcrx.ring = p.fuse;
	struct hand_reply ring = stick(&p, &g);
	g = zcrx_job(&p, "lo");
	g.second = p.fuse;
	struct hand_reply area = stick(&p, &g);
	g = files_job(p.fuse, -1);
	struct hand_reply alone = stick(&p, &g);
	/* Each has answered, and cannot close what it had. */
	assert_int_equal(ring.fault, HAND_NOT_A_RING);
	assert_int_equal(area.fault, HAND_NOT_MEMORY);
	assert_int_equal(alone.fault, HAND_NOT_MEMORY);
	assert_int_equal(hands_held(hands, PAYER), 3);
	fuse_end(fuse);
	wait_for_nobody(PAYER);
	stand_in_end(&p);
}

/* ---- in the VM ---- */

static int yama(void)
{
	char text[8] = "";
	FILE *f = fopen(YAMA, "re");
	bool read = f && fgets(text, sizeof(text), f);
	if (f)
		fclose(f);
	return read ? (int)strtol(text, NULL, 10) : -1;
}

static void names_yama_where_it_forbids(void **state)
{
	struct stand_in p;
	struct outcome o = {.verdict = 0};
	char text[240], want[64];
	(void)state;
	if (yama() < 2) {
		print_message("skip: kernel.yama.ptrace_scope is not 2 or 3\n");
		skip();
	}
	stand_in_start(&p, NULL, false);
	struct given g = zcrx_job(&p, "lo");
	run_given(&o, &p, &g);
	assert_int_equal(o.reply.fault, HAND_DENIED);
	hand_sentence(&o.reply, text, sizeof(text));
	snprintf(want, sizeof(want), "(kernel.yama.ptrace_scope is %d)", yama());
	assert_non_null(strstr(text, want));
	print_message("%s\n", text);
	stand_in_end(&p);
}

static void registers_a_queue_of_a_real_nic(void **state)
{
	struct stand_in p;
	struct outcome o = {.verdict = 0};
	const char *ifname = getenv("ZCRX_HAND_NIC");
	int enabled = -1;
	(void)state;
	if (!ifname) {
		print_message("skip: no NIC here has queues for zero copy\n");
		skip();
	}
	stand_in_start(&p, NULL, false);
	struct given g = zcrx_job(&p, ifname);
	run_given(&o, &p, &g);
	assert_int_equal(o.reply.error, 0);
	assert_int_equal(o.reply.fault, HAND_DONE);
	assert_true(o.reply.zcrx.rqes > 0);
	stand_in_enable(&p);
	assert_int_equal(read(p.result, &enabled, sizeof(enabled)), sizeof(enabled));
	assert_int_equal(enabled, 0);
	/* The queue is taken, by that ring. */
	struct stand_in second;
	stand_in_start(&second, NULL, false);
	g = zcrx_job(&second, ifname);
	run_given(&o, &second, &g);
	assert_int_equal(o.reply.fault, HAND_KERNEL);
	stand_in_end(&second);
	stand_in_end(&p);
}

#define CASE(function) cmocka_unit_test_setup_teardown(function, setup, teardown)

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		CASE(reads_the_facts_of_a_socket),
		CASE(tells_a_foreign_socket),
		CASE(gives_a_socket_up_that_keeps_it_waiting),
		CASE(says_what_the_kernel_says),
		CASE(gets_what_its_job_needs_and_is_killed_at_its_deadline),
		CASE(tells_of_a_hand_that_died),
		CASE(shows_a_pumps_memory),
		CASE(keeps_what_it_shows_until_it_was_heard),
		CASE(refuses_rings_and_areas_that_are_something_else),
		CASE(refuses_what_is_not_given),
		CASE(a_ring_whose_lock_is_held_holds_nobody_else),
		CASE(files_that_do_not_answer_hold_nobody),
		CASE(names_yama_where_it_forbids),
		CASE(registers_a_queue_of_a_real_nic),
	};
	if (argc > 1)
		cmocka_set_test_filter(argv[1]);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
