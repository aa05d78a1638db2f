/* SPDX-License-Identifier: MIT */
/*
 * Errands that wait, since their user's hands are all busy with pumps that give nothing. How much
 * the broker does for each hand that ends is counted by the socket pairs that it makes.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/clock.h"
#include "daemon/broker/errand.h"
#include "daemon/grant/account.h"
#include "daemon/grant/classes.h"
#include "daemon/grant/files.h"
#include "proto/wire.h"
#include "tests/harness/lone_pump.h"

#define LIMIT_MS 60000
#define TICK_US  5000
/* As many pumps as it takes for all hands of the user, all errands that may wait, and more. */
#define PUMPS ((HANDS_EACH_MAX + ERRANDS_WAITING_MAX) / ERRANDS_EACH_MAX + 1)

int __real_socketpair(int family, int type, int protocol, int pair[2]);
int __wrap_socketpair(int family, int type, int protocol, int pair[2]);

static struct lone_pump pumps[PUMPS], other; /* other: of another class */
static struct errands errands;
static sd_event *loop;
static unsigned pairs;

int __wrap_socketpair(int family, int type, int protocol, int pair[2])
{
	pairs++;
	return __real_socketpair(family, type, protocol, pair);
}

static int setup(void **state)
{
	int due[2];
	struct policy policy;
	(void)state;
	if (files_init(due) < 0 || policy_init(&policy) < 0 || classes_set(&policy) < 0 ||
	    sd_event_new(&loop) < 0 || errands_init(&errands, loop, getenv("ZCRX_HAND")) < 0)
		return -1;
	for (unsigned i = 0; i < PUMPS; i++) {
		assert_true(lone_pump_start(&pumps[i], NULL));
		pumps[i].pump.all_errands = &errands;
	}
	assert_true(lone_pump_start(&other, NULL));
	other.pump.all_errands = &errands;
	strcpy(other.pump.who.class, "other");
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	for (unsigned i = 0; i < PUMPS; i++)
		assert_true(lone_pump_end(&pumps[i]));
	assert_true(lone_pump_end(&other));
	errands_done(&errands);
	files_done();
	sd_event_unref(loop);
	return 0;
}

static void ask(struct lone_pump *l, uint32_t serial)
{
	union link_any m = {.as_FILE = {.bytes = 4096}};
	assert_true(lone_pump_say(l, &m, LINK_FILE, serial));
}

/* The error of the reply to this serial, or -EAGAIN. It is not given what is asked for. */
static int answer(struct lone_pump *l, uint32_t serial)
{
	union link_any m;
	int fds[MSG_FDS_MAX], n;
	uint32_t nfds = 0;
	while ((n = wire_recv(l->end, &m.any, fds, &nfds, MSG_DONTWAIT)) > 0) {
		wire_close(fds, nfds);
		if (m.hdr.type == LINK_FILE && m.hdr.serial == serial)
			return m.hdr.error;
	}
	return n;
}

/* The pumps ask for so many files, and none gives one. */
static void fill(unsigned n)
{
	for (unsigned i = 0; i < n; i++)
		ask(&pumps[i / ERRANDS_EACH_MAX], i % ERRANDS_EACH_MAX + 1);
}

static unsigned children(void)
{
	char path[64], line[4096] = "";
	unsigned n = 0;
	snprintf(path, sizeof(path), "/proc/self/task/%d/children", (int)gettid());
	FILE *f = fopen(path, "re");
	assert_non_null(f);
	(void)!fgets(line, sizeof(line), f);
	fclose(f);
	for (const char *c = line; *c; c++)
		n += *c == ' ';
	return n;
}

/* The pump gives nothing and answers at once, so the hand ends. */
static void hand_ends(struct lone_pump *l, uint32_t serial)
{
	unsigned before = children();
	int64_t until = clock_until(LIMIT_MS);
	int r;
	while ((r = answer(l, serial)) == -EAGAIN && clock_left(until))
		assert_true(sd_event_run(loop, TICK_US) >= 0);
	assert_true(r < 0 && r != -EAGAIN);
	while (children() >= before && clock_left(until))
		assert_true(sd_event_run(loop, TICK_US) >= 0);
}

static void of_others_errands_none_is_tried_when_a_hand_ends(void **state)
{
	(void)state;
	fill(HANDS_EACH_MAX + 500);
	ask(&other, 1);
	pairs = 0;
	hand_ends(&other, 1);
	assert_int_equal(pairs, 0);
}

/*
 * The first one is asked for its file, and gives nothing: its hand ends. A job more takes two
 * socket pairs: the hand's own, and that by which the pump gives.
 */
static void one_begins_when_a_hand_of_its_user_ends(void **state)
{
	union link_any m;
	int fds[MSG_FDS_MAX];
	uint32_t nfds = 0;
	(void)state;
	fill(HANDS_EACH_MAX + 500);
	pairs = 0;
	assert_true(wire_recv(pumps[0].end, &m.any, fds, &nfds, MSG_DONTWAIT) > 0);
	assert_int_equal(m.hdr.type, LINK_GIVE);
	wire_close(fds, nfds);
	int64_t until = clock_until(LIMIT_MS);
	while (pairs == 0 && clock_left(until))
		assert_true(sd_event_run(loop, TICK_US) >= 0);
	assert_int_equal(pairs, 2);
}

static void so_many_wait_and_no_more(void **state)
{
	struct lone_pump *last = &pumps[PUMPS - 1];
	char why[LINK_TEXT_BYTES];
	(void)state;
	unsigned n = HANDS_EACH_MAX + ERRANDS_WAITING_MAX;
	fill(n);
	assert_int_equal(answer(last, (n - 1) % ERRANDS_EACH_MAX + 1), -EAGAIN);
	ask(last, 4711);
	assert_int_equal(answer(last, 4711), -EBUSY);
	hand_sentence(&(struct hand_reply){.fault = HAND_CROWDED, .error = -EBUSY}, why,
		      sizeof(why));
	assert_non_null(strstr(why, "zcrx-hands"));
	/* Another user is served all the same. */
	ask(&other, 1);
	hand_ends(&other, 1);
}

#define CASE(function) cmocka_unit_test_setup_teardown(function, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(of_others_errands_none_is_tried_when_a_hand_ends),
		CASE(one_begins_when_a_hand_of_its_user_ends),
		CASE(so_many_wait_and_no_more),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
