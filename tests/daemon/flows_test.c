/* SPDX-License-Identifier: MIT */
/* The ids of flows, and what their sockets are known by: however many there are. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/clock.h"
#include "daemon/common/uring.h"
#include "daemon/grant/account.h"
#include "daemon/pump/flows.h"
#include "proto/flow_id.h"
#include "proto/reason.h"

enum {
	FEW = 500, /* so that even many are in the cache */
	MANY = 4 * FEW,
	TRIES = 20
};

static const struct limits limits = {.most = {[ACCOUNT_FLOWS] = 1u << 20},
				     .requests_per_second = 1,
				     .most_users = 1};

static struct client client;
static struct queue queue;

static int setup(void **state)
{
	(void)state;
	client = CLIENT_NULL;
	queue = (struct queue){.client = &client};
	assert_int_equal(report_new(&client.report), 0);
	return user_get(&client.who.user, "test", &limits, getuid(), 1, NULL);
}

static int teardown(void **state)
{
	(void)state;
	flows_done(&client);
	report_put(client.report);
	user_put(client.who.user);
	account_done();
	return 0;
}

/* Makes a flow in the way in which FLOW_ADOPT does. */
static struct flow *adopt(uint64_t cookie)
{
	struct flow *f;
	assert_false(flows_have(&client, cookie));
	assert_int_equal(flow_new(&f, &queue, -1, &(struct answer){.error = 0}), REASON_NONE);
	flow_identify(f, cookie);
	return f;
}

static void sockets_are_known_until_they_are_dropped(void **state)
{
	(void)state;
	enum {
		N = 3000
	};
	static struct flow *flows[N];
	for (uint64_t i = 0; i < N; i++)
		flows[i] = adopt(1000 + i * 7);
	for (uint64_t i = 0; i < N; i++) {
		assert_true(flows_have(&client, 1000 + i * 7));
		assert_false(flows_have(&client, 1001 + i * 7));
	}
	for (uint64_t i = 0; i < N; i += 2)
		flow_drop_socket(flows[i], false);
	for (uint64_t i = 0; i < N; i++) {
		assert_int_equal(flows_have(&client, 1000 + i * 7), i % 2);
		assert_ptr_equal(flow_find(&queue, flows[i]->id), flows[i]);
	}
	for (uint64_t i = 0; i < N; i++)
		flow_discard(flows[i]);
	assert_false(flows_have(&client, 1007));
}

static void ids_are_used_again_as_late_as_possible(void **state)
{
	(void)state;
	struct flow *kept = adopt(1), *f = adopt(2);
	uint32_t first = f->id, slots = client.table.count, others = 0;
	flow_discard(f);
	assert_null(flow_find(&queue, first));
	for (uint32_t i = 0; i + 2 < slots; i++) {
		f = adopt(2);
		assert_int_not_equal(flow_id_index(f->id), flow_id_index(first));
		flow_discard(f);
		others++;
	}
	f = adopt(2);
	assert_int_equal(flow_id_index(f->id), flow_id_index(first));
	assert_int_equal(flow_id_generation(f->id), flow_id_generation(first) + 1);
	flow_discard(f);
	flow_discard(kept);
}

static void a_connection_has_as_many_flows_as_there_are_ids(void **state)
{
	(void)state;
	static struct flow *flows[CLIENT_FLOWS_MAX];
	struct flow *more;
	for (uint32_t i = 0; i < CLIENT_FLOWS_MAX; i++)
		flows[i] = adopt(i + 1);
	struct answer full = {.error = 0};
	assert_int_equal(flow_new(&more, &queue, -1, &full), REASON_DAEMON_LIMIT);
	assert_int_equal(full.error, -EMLINK);
	assert_non_null(strstr(full.text, "has at most 65535 flows"));
	for (uint32_t i = 0; i < CLIENT_FLOWS_MAX; i++) {
		assert_int_not_equal(flows[i]->id, 0);
		assert_ptr_equal(flow_find(&queue, flows[i]->id), flows[i]);
	}
	flow_discard(flows[7]);
	flows[7] = adopt(8);
	for (uint32_t i = 0; i < CLIENT_FLOWS_MAX; i++)
		flow_discard(flows[i]);
}

/* Of this thread: other programs do not count. */
static uint64_t cost_ns(uint32_t n)
{
	static struct flow *flows[MANY];
	uint64_t least = UINT64_MAX;
	for (int try = 0; try < TRIES; try++) {
		assert_int_equal(setup(NULL), 0);
		uint64_t before = clock_thread_ns();
		for (uint32_t i = 0; i < n; i++)
			flows[i] = adopt(i + 1);
		uint64_t cost = clock_thread_ns() - before;
		least = cost < least ? cost : least;
		for (uint32_t i = 0; i < n; i++)
			flow_discard(flows[i]);
		teardown(NULL);
	}
	return least;
}

/* 4 if each costs the same, 16 if each looks at all others. */
static void adopting_costs_the_same_however_many_there_are(void **state)
{
	(void)state;
	uint64_t few = cost_ns(FEW), many = cost_ns(MANY);
	print_message("%d flows: %ju us, %d flows: %ju us\n", FEW, (uintmax_t)few / 1000, MANY,
		      (uintmax_t)many / 1000);
	assert_true(many < 8 * few);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(sockets_are_known_until_they_are_dropped),
		CASE(ids_are_used_again_as_late_as_possible),
		CASE(a_connection_has_as_many_flows_as_there_are_ids),
		cmocka_unit_test(adopting_costs_the_same_however_many_there_are),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
