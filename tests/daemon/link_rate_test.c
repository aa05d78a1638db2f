/* SPDX-License-Identifier: MIT */
/* How much of what pumps say the broker reads: as pump_watch.c reads the link. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/pidfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/clock.h"
#include "daemon/broker/pump_list.h"
#include "daemon/broker/pump_watch.h"
#include "daemon/grant/account.h"
#include "daemon/grant/classes.h"
#include "daemon/grant/files.h"
#include "daemon/grant/rates.h"
#include "proto/wire.h"
#include "tests/harness/lone_pump.h"

enum {
	/* daemon/grant/rates.c: the least, for a class of few requests. */
	A_SECOND = 32 * 128,
	BURST = 4096,
	LIMIT_MS = 60000,
	TICK_US = 5000
};

static struct pumps all;
static struct lone_pump pumps[2];

static void watch(struct lone_pump *l)
{
	assert_true(lone_pump_start(l, NULL));
	l->pump.all = &all;
	l->pump.classed = true;
	l->pump.poke = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	l->pump.pidfd = pidfd_open(getpid(), 0);
	assert_true(pump_watch(&l->pump, false) >= 0);
}

static void unwatch(struct lone_pump *l)
{
	struct pump *p = &l->pump;
	sd_event_source_disable_unref(p->news);
	sd_event_source_disable_unref(p->exit);
	sd_event_source_disable_unref(p->rest);
	close(p->poke);
	close(p->pidfd);
	assert_true(lone_pump_end(l));
}

static int setup(void **state)
{
	struct policy policy;
	int due[2];
	(void)state;
	if (files_init(due) < 0 || policy_init(&policy) < 0)
		return -1;
	policy.classes->limits.requests_per_second = 1;
	if (classes_set(&policy) < 0 || sd_event_new(&all.event) < 0)
		return -1;
	watch(&pumps[0]);
	watch(&pumps[1]);
	/* Another user of the class. */
	user_put(pumps[1].pump.who.user);
	return user_get(&pumps[1].pump.who.user, POLICY_DEFAULT, &pumps[1].limits, getuid() + 1,
			clock_ns(), NULL);
}

static int teardown(void **state)
{
	(void)state;
	unwatch(&pumps[0]);
	unwatch(&pumps[1]);
	account_done(); /* the rates with it */
	files_done();
	sd_event_unref(all.event);
	return 0;
}

static bool say(const struct lone_pump *l, union link_any m, uint16_t type, uint32_t serial)
{
	m.hdr = (struct msg_hdr){.size = link_bytes(type), .type = type, .serial = serial};
	return wire_send(l->end, &m.hdr, NULL, MSG_DONTWAIT) == 0;
}

/* How many replies there are. */
static unsigned hear(const struct lone_pump *l)
{
	union link_any m;
	int fds[MSG_FDS_MAX];
	uint32_t nfds = 0;
	unsigned n = 0;
	for (; wire_recv(l->end, &m.any, fds, &nfds, MSG_DONTWAIT) > 0; n++)
		wire_close(fds, nfds);
	return n;
}

static void what_is_too_much_is_read_later_and_none_is_lost(void **state)
{
	const unsigned n = BURST + A_SECOND;
	unsigned said = 0, answered = 0;
	uint64_t since_ns = clock_ns();
	(void)state;
	while (answered < n && clock_ns() - since_ns < LIMIT_MS * NS_A_MS) {
		while (said < n && said - answered < 100 &&
		       say(&pumps[0], (union link_any){0}, LINK_FLIGHT, said + 1))
			said++;
		assert_true(sd_event_run(all.event, TICK_US) >= 0);
		answered += hear(&pumps[0]);
		uint64_t ns = clock_ns() - since_ns;
		assert_true(answered <= BURST + A_SECOND * ns / NS_A_SECOND + 1);
	}
	assert_int_equal(answered, n);
}

/* In a quarter of a second, before which a busy machine may read nothing. */
static unsigned answered_soon(const struct lone_pump *l)
{
	uint64_t since_ns = clock_ns();
	unsigned n = 0;
	while (clock_ns() - since_ns < NS_A_SECOND / 4) {
		assert_true(sd_event_run(all.event, TICK_US) >= 0);
		n += hear(l);
	}
	return n;
}

static void one_user_uses_up_nothing_of_anothers(void **state)
{
	const union link_any m = {.as_MEMORY = {.bytes = 256u << 20}};
	(void)state;
	rates_link(pumps[0].pump.who.user, RATES_LINK_MOST, clock_ns());
	rates_link(pumps[0].pump.who.user, link_cost(&m), clock_ns());
	assert_true(say(&pumps[0], (union link_any){0}, LINK_FLIGHT, 1));
	assert_int_equal(answered_soon(&pumps[0]), 0);
	assert_true(say(&pumps[1], (union link_any){0}, LINK_FLIGHT, 1));
	int64_t until = clock_until(LIMIT_MS);
	while (hear(&pumps[1]) == 0)
		assert_true(clock_left(until) && sd_event_run(all.event, TICK_US) >= 0);
}

/* Nothing would end its rest. */
static void one_that_has_no_timer_is_read(void **state)
{
	struct pump *p = &pumps[0].pump;
	(void)state;
	rates_link(p->who.user, 2 * BURST, clock_ns());
	sd_event_source *rest = p->rest;
	p->rest = NULL;
	assert_true(pump_may_go_on(p));
	assert_false(p->resting);
	p->rest = rest;
	assert_false(pump_may_go_on(p));
	assert_true(p->resting);
}

/* What nobody knows, and what is refused, counts as well. */
static void each_message_counts(void **state)
{
	static const uint16_t types[] = {LINK_REQUESTS, LINK_STEER, LINK_LANDED, 4711};
	struct user *u = pumps[0].pump.who.user;
	int64_t until = clock_until(LIMIT_MS);
	uint64_t cost = 0, at_ns = clock_ns() + 3600 * NS_A_SECOND; /* longer than this takes */
	(void)state;
	rates_link(u, BURST, at_ns);
	uint64_t before_ns = rates_link_wait(u, at_ns);
	pumps[0].pump.dead = true; /* that of a pump is read that has said its last */
	for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
		union link_any m = {.hdr = {.size = link_bytes(types[i]), .type = types[i]}};
		m.hdr.serial = types[i] != LINK_LANDED;
		m.hdr.size = m.hdr.size ? m.hdr.size : sizeof(m.hdr);
		assert_int_equal(wire_send(pumps[0].end, &m.hdr, NULL, 0), 0);
		cost += link_cost(&m);
	}
	for (unsigned n = 0; n < 3; n += hear(&pumps[0]))
		assert_true(clock_left(until) && sd_event_run(all.event, TICK_US) >= 0);
	uint64_t ns = rates_link_wait(u, at_ns) - before_ns;
	assert_in_range(ns, cost * NS_A_SECOND / A_SECOND - 10, cost * NS_A_SECOND / A_SECOND + 10);
	pumps[0].pump.dead = false;
}

#define CASE(function) cmocka_unit_test_setup_teardown(function, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(what_is_too_much_is_read_later_and_none_is_lost),
		CASE(one_user_uses_up_nothing_of_anothers),
		CASE(one_that_has_no_timer_is_read),
		CASE(each_message_counts),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
