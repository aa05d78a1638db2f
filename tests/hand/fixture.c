/* SPDX-License-Identifier: MIT */
#include "tests/hand/fixture.h"

#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/clock.h"
#include "proto/wire.h"

sd_event *loop;
struct hands *hands;

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

const struct hand_calls calls = {.shown = shown, .done = done};

int setup(void **state)
{
	(void)state;
	return sd_event_new(&loop) < 0 ||
	       hands_new(&hands, loop, getenv("ZCRX_HAND"), NULL, NULL) < 0;
}

int teardown(void **state)
{
	(void)state;
	hands = hands_free(hands);
	loop = sd_event_unref(loop);
	/* One that waited for a job was killed: the next case is not to find it. */
	for (int i = 0; i < 2000 && waitpid(-1, NULL, WNOHANG) >= 0; i++)
		usleep(1000);
	return 0;
}

int try_given(struct outcome *o, const struct stand_in *p, const struct given *g, uint64_t payer,
	      uint64_t deadline_ms)
{
	int pair[2];
	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair), 0);
	int fds[] = {pair[0], p->pidfd};
	const struct hand_order order = {.job = &g->job,
					 .fds = fds,
					 .nfds = 2,
					 .payer = payer,
					 .deadline_ms = deadline_ms,
					 .calls = &calls,
					 .owner = o};
	int r = hand_start(NULL, hands, &order);
	if (r == 0 && g->first >= 0)
		stand_in_give(p, pair[1], g->first, g->second);
	close(pair[0]);
	close(pair[1]);
	return r;
}

void start_given(struct outcome *o, const struct stand_in *p, const struct given *g, uint64_t payer,
		 uint64_t deadline_ms)
{
	*o = (struct outcome){.fd = -1, .verdict = o->verdict};
	assert_int_equal(try_given(o, p, g, payer, deadline_ms), 0);
}

void wait_for(const struct outcome *o)
{
	int64_t until = clock_until(LIMIT_MS);
	while (!o->calls && clock_left(until))
		assert_true(sd_event_run(loop, TICK_US) >= 0);
	assert_int_equal(o->calls, 1);
}

void wait_for_without_room(const struct outcome *o)
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

void wait_for_nobody(void)
{
	int64_t until = clock_until(LIMIT_MS);
	while (hands_held(hands, PAYER) > 0 && clock_left(until))
		assert_true(sd_event_run(loop, TICK_US) >= 0);
	assert_int_equal(hands_held(hands, PAYER), 0);
}

static bool is_stuck(pid_t pid)
{
	char path[64], state = 0;
	snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
	FILE *f = fopen(path, "re");
	bool is =
		f && fscanf(f, "%*d (zcrx-hand) %c", &state) == 1 && (state == 'D' || state == 'S');
	if (f)
		fclose(f);
	return is;
}

bool got_stuck(unsigned before, uint64_t deadline_ms)
{
	int64_t until = clock_until((int)deadline_ms);
	while (hands_held(hands, PAYER) > before && clock_left(until))
		assert_true(sd_event_run(loop, TICK_US) >= 0);
	/* By now it is gone or stuck, or waits for a processor before it is either. */
	until = clock_until(LIMIT_MS);
	while (hands_held(hands, PAYER) > before && clock_left(until)) {
		if (children_that(is_stuck, NULL) > before)
			return true;
		assert_true(sd_event_run(loop, TICK_US) >= 0);
	}
	return false;
}

void run_given(struct outcome *o, const struct stand_in *p, const struct given *g)
{
	start_given(o, p, g, PAYER, LIMIT_MS);
	wait_for(o);
	wait_for_nobody();
}

struct given zcrx_job(const struct stand_in *p, const char *ifname)
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

bool is_hand(pid_t pid)
{
	char path[64], name[32] = "";
	snprintf(path, sizeof(path), "/proc/%d/comm", (int)pid);
	FILE *f = fopen(path, "re");
	bool is = f && fgets(name, sizeof(name), f) && strcmp(name, "zcrx-hand\n") == 0;
	if (f)
		fclose(f);
	return is;
}

unsigned children_that(bool (*are)(pid_t pid), pid_t *ret_first)
{
	char path[64], children[512] = "";
	pid_t first = 0;
	unsigned n = 0;
	snprintf(path, sizeof(path), "/proc/self/task/%d/children", (int)gettid());
	FILE *f = fopen(path, "re");
	assert_non_null(f);
	(void)!fgets(children, sizeof(children), f);
	fclose(f);
	char *rest = children;
	for (char *word; (word = strtok_r(rest, " ", &rest));) {
		pid_t pid = (pid_t)strtol(word, NULL, 10);
		if (!are(pid))
			continue;
		first = first ? first : pid;
		n++;
	}
	if (ret_first)
		*ret_first = first;
	return n;
}

pid_t hand_find(void)
{
	pid_t first;
	children_that(is_hand, &first);
	return first;
}

struct given files_job(int first, int second)
{
	return (struct given){.job = {.kind = HAND_FILES, .files = {.n = second < 0 ? 1 : 2}},
			      .first = first,
			      .second = second};
}

const struct hand_job facts_job = {.kind = HAND_FACTS};

int facts_start(struct outcome *o, struct hand **ret, uint64_t deadline_ms)
{
	int pair[2];
	*o = (struct outcome){.fd = -1};
	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair), 0);
	const struct hand_order order = {.job = &facts_job,
					 .fds = pair,
					 .nfds = 1,
					 .payer = PAYER,
					 .deadline_ms = deadline_ms,
					 .calls = &calls,
					 .owner = o};
	assert_int_equal(hand_start(ret, hands, &order), 0);
	close(pair[0]);
	return pair[1];
}

void give(int end, int sock)
{
	const struct msg_hdr m = {.size = sizeof(m), .nfds = 1};
	assert_int_equal(wire_send(end, &m, &sock, 0), 0);
	close(end);
}

void facts_of(struct outcome *o, int sock)
{
	give(facts_start(o, NULL, LIMIT_MS), sock);
	wait_for(o);
	wait_for_nobody();
}
