/* SPDX-License-Identifier: MIT */
/*
 * A flow's rules, which are set and deleted while nobody waits for the broker's answer. The test is
 * the brokers.
 */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/clock.h"
#include "daemon/ask/ask.h"
#include "daemon/grant/lease.h"
#include "daemon/pump/steer.h"
#include "daemon/pump/tally.h"
#include "tests/daemon/ask_world.h"

static struct client client;
static struct queue queue;
static struct flow flow;

static void *lease(void *data)
{
	char why[NIC_SENTENCE_BYTES];
	struct lease_wish wish = {.nic = "", .n = 1, .poke = queue.poke};
	(void)data;
	return (void *)(intptr_t)lease_take(&queue.lease, &wish, why);
}

/* Has a lease that somebody has asked for answered; or that it ends. */
static void another_thread(void *(*run)(void *data), uint16_t type)
{
	union link_any m;
	pthread_t thread;
	void *result;
	assert_int_equal(pthread_create(&thread, NULL, run, NULL), 0);
	uint32_t serial = asked(type, &m);
	m = (union link_any){.re_LEASE = {.n = 1}};
	answer(serial, type, &m);
	pthread_join(thread, &result);
	assert_null(result);
}

static int setup(void **state)
{
	(void)state;
	broker_comes(NULL);
	client = CLIENT_NULL;
	assert_int_equal(report_new(&client.report), 0);
	queue = QUEUE_NULL;
	queue.client = &client;
	queue.poke = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	TAILQ_INIT(&queue.flows);
	TAILQ_INIT(&queue.steerings);
	flow = FLOW_NULL;
	flow.queue = &queue;
	flow.sock = queue.poke; /* any descriptor */
	flow.report = report_flow_free(client.report, 0);
	another_thread(lease, LINK_LEASE);
	return 0;
}

static void *unlease(void *data)
{
	(void)data;
	lease_end(queue.lease);
	return NULL;
}

static int teardown(void **state)
{
	(void)state;
	assert_null(steer_first(&queue));
	another_thread(unlease, LINK_LEASE_END);
	nothing_is_asked();
	report_put(client.report);
	close(queue.poke);
	broker_goes();
	return 0;
}

/* The flow if the broker's answer has to do with it. It is announced by the lease's eventfd. */
static struct flow *answered(void)
{
	eventfd_t count;
	struct steering *at = steer_first(&queue);
	assert_int_equal(eventfd_read(queue.poke, &count), 0);
	struct flow *f = steer_answered(&queue, &at);
	assert_null(steer_answered(&queue, &at));
	return f;
}

static struct flow *not_announced(void)
{
	struct steering *at = steer_first(&queue);
	return steer_answered(&queue, &at);
}

static uint32_t rule_is_asked_for(uint32_t *ret_rule)
{
	union link_any m;
	uint32_t serial = asked(LINK_STEER, &m);
	*ret_rule = m.as_STEER.rule;
	return serial;
}

static void set(uint32_t serial, uint32_t n, const char *why)
{
	union link_any m = {.re_STEER = {.n = n}};
	snprintf(m.re_STEER.text, sizeof(m.re_STEER.text), "%s", why);
	answer(serial, LINK_STEER, &m);
}

static void deleted(uint32_t rule)
{
	union link_any m;
	uint32_t serial = asked(LINK_UNSTEER, &m);
	assert_int_equal(m.as_UNSTEER.rule, rule);
	answer(serial, LINK_UNSTEER, NULL);
}

static void a_rule_is_set_and_deleted(void **state)
{
	uint32_t rule;
	(void)state;
	steer_start(&flow);
	assert_true(flow.awaits_rules);
	assert_null(not_announced());
	set(rule_is_asked_for(&rule), 1, "");
	assert_ptr_equal(answered(), &flow);
	assert_false(flow.awaits_rules);
	assert_null(flow.why_copied);
	steer_stop(&flow);
	assert_int_equal(flow.leaving, 1);
	assert_null(not_announced());
	deleted(rule);
	assert_ptr_equal(answered(), &flow);
	assert_int_equal(flow.leaving, 0);
}

static void a_rule_that_is_refused_has_a_reason(void **state)
{
	uint32_t rule;
	(void)state;
	steer_start(&flow);
	set(rule_is_asked_for(&rule), 0, "No.");
	assert_ptr_equal(answered(), &flow);
	assert_false(flow.awaits_rules);
	assert_string_equal(flow.why_copied, "No.");
	assert_null(flow.steering);
	steer_stop(&flow);
	assert_int_equal(flow.leaving, 0);
}

static void who_leaves_before_the_rule_stands_leaves_none(void **state)
{
	uint32_t rule;
	(void)state;
	steer_start(&flow);
	uint32_t serial = rule_is_asked_for(&rule);
	steer_stop(&flow);
	assert_false(flow.awaits_rules);
	assert_int_equal(flow.leaving, 1); /* its socket stays: a hand reads it */
	nothing_is_asked();
	set(serial, 1, "");
	assert_null(answered());
	deleted(rule);
	assert_ptr_equal(answered(), &flow);
	assert_int_equal(flow.leaving, 0);
}

static void who_leaves_before_the_rule_is_refused_is_gone_then(void **state)
{
	uint32_t rule;
	(void)state;
	steer_start(&flow);
	steer_stop(&flow);
	set(rule_is_asked_for(&rule), 0, "No.");
	assert_ptr_equal(answered(), &flow);
	assert_int_equal(flow.leaving, 0);
}

static void the_next_broker_sets_the_same_rule(void **state)
{
	uint32_t rule, again;
	(void)state;
	steer_start(&flow);
	rule_is_asked_for(&rule);
	broker_goes();
	assert_null(not_announced());
	steer_stop(&flow);
	broker_comes(NULL);
	set(rule_is_asked_for(&again), 1, "");
	assert_int_equal(again, rule);
	assert_null(answered());
	deleted(rule);
	assert_ptr_equal(answered(), &flow);
}

static void where_no_broker_comes_it_is_copied(void **state)
{
	uint32_t rule;
	(void)state;
	steer_start(&flow);
	rule_is_asked_for(&rule);
	broker_goes();
	ask_give_up();
	assert_ptr_equal(answered(), &flow);
	assert_non_null(flow.why_copied);
	ask_break(); /* one comes after all */
	broker_comes(NULL);
	nothing_is_asked();
}

/* Meanwhile they go on without one, so their packets are copied. */
static void connections_get_rules_of_their_own_when_their_listener_goes(void **state)
{
	struct flow child = flow;
	int ends[2];
	uint32_t rule, own;
	(void)state;
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
	child.sock = ends[0];
	child.report = report_flow_free(client.report, 1);
	TAILQ_INSERT_TAIL(&queue.flows, &child, link);
	flow.listener = true;
	steer_start(&flow);
	set(rule_is_asked_for(&rule), 1, "");
	assert_ptr_equal(answered(), &flow);
	steer_share(&child, &flow);
	assert_ptr_equal(child.steering, flow.steering);
	assert_int_equal(child.before_rules, 0);
	steer_stop(&flow);
	assert_int_equal(child.before_rules, TALLY_NOT_YET);
	assert_int_equal(write(ends[1], "four", 4), 4);
	union link_any m;
	uint32_t unsteer = asked(LINK_UNSTEER, &m);
	answer(unsteer, LINK_UNSTEER, NULL);
	assert_ptr_equal(answered(), &flow);
	set(rule_is_asked_for(&own), 1, "");
	assert_ptr_equal(answered(), &child);
	assert_int_equal(child.before_rules, 4);
	steer_stop(&child);
	deleted(own);
	assert_ptr_equal(answered(), &child);
	TAILQ_REMOVE(&queue.flows, &child, link);
	close(ends[0]);
	close(ends[1]);
}

static void a_queue_that_ends_waits_for_a_time(void **state)
{
	uint32_t rule;
	uint64_t now = 1;
	(void)state;
	steer_start(&flow);
	rule_is_asked_for(&rule);
	steer_stop(&flow);
	assert_false(steer_is_over(&queue, now));
	assert_false(steer_is_over(&queue, now + 299 * NS_A_SECOND));
	assert_true(steer_is_over(&queue, now + 300 * NS_A_SECOND));
	assert_int_equal(flow.leaving, 0);
}

#define CASE(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(a_rule_is_set_and_deleted),
		CASE(a_rule_that_is_refused_has_a_reason),
		CASE(who_leaves_before_the_rule_stands_leaves_none),
		CASE(who_leaves_before_the_rule_is_refused_is_gone_then),
		CASE(the_next_broker_sets_the_same_rule),
		CASE(where_no_broker_comes_it_is_copied),
		CASE(connections_get_rules_of_their_own_when_their_listener_goes),
		CASE(a_queue_that_ends_waits_for_a_time),
	};
	return cmocka_run_group_tests_name("steering", tests, NULL, NULL);
}
