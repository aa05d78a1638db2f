/* SPDX-License-Identifier: MIT */
/* What the status makes of a report whose writer means harm. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "base/clock.h"
#include "tests/daemon/report_world.h"

enum {
	MANY = 4000, /* flows */
	SOME = 40,
	CLIENTS = 250,
	/* The status waits for records that are being written for 100 ms in all. */
	PATIENCE_MS = 4000
};

static void within_patience(uint64_t since_ns)
{
	assert_in_range((clock_ns() - since_ns) / 1000000, 0, PATIENCE_MS);
}

static void who_stops_within_records_delays_nobody(void **state)
{
	(void)state;
	struct report_queue *q = queue_add(1);
	for (uint32_t i = 0; i <= MANY; i++)
		flow_add(flow_id_make(1, i), q);
	for (uint32_t i = 0; i < MANY; i++)
		memory()->flows[i].seq++;
	memory()->seq++;
	memory()->n_flows = UINT32_MAX;
	uint64_t since_ns = clock_ns();
	assert_int_equal(read_all()->unreadable, MANY + 1);
	within_patience(since_ns);
	assert_int_equal(flows_of(0), 1);
	q->seq++;
	assert_int_equal(read_all()->n_queues, 0);
	assert_int_equal(snapshot.clients[0].unreadable, MANY + 2);
}

static void many_who_do_so_take_nothing_from_others(void **state)
{
	(void)state;
	const struct snapshot_who who = {.max_queues = 1, .max_flows = MANY};
	struct report *hostile = report;
	for (uint32_t i = 0; i < SOME; i++)
		memory()->flows[i].seq = 1;
	memory()->n_flows = SOME;
	assert_int_equal(report_new(&report), 0);
	flow_add(flow_id_make(1, 0), queue_add(1));
	for (int i = 0; i < CLIENTS; i++)
		assert_int_equal(snapshot_add(&snapshot, &who, hostile), 0);
	assert_int_equal(snapshot_add(&snapshot, &who, report), 0);
	uint64_t since_ns = clock_ns();
	assert_int_equal(snapshot_read(&snapshot), 0);
	within_patience(since_ns);
	assert_int_equal(snapshot.clients[0].unreadable, SOME);
	assert_int_equal(snapshot.clients[CLIENTS].unreadable, 0);
	assert_int_equal(flows_of(0), 1);
	report_put(hostile);
}

static void *write_noise(void *data)
{
	uint32_t *words = (uint32_t *)(void *)memory(), noise = 1;
	size_t n = sizeof(struct report_memory) / sizeof(*words);
	(void)data;
	while (goes_on()) {
		noise = noise * 1664525 + 1013904223;
		uint32_t at = noise % 4 ? noise % 1024 : noise % (uint32_t)n;
		if (at > 0) /* the version */
			__atomic_store_n(&words[at], noise, __ATOMIC_RELAXED);
		__atomic_add_fetch(&memory()->flows[noise % MANY].seq, 1, __ATOMIC_RELAXED);
	}
	return NULL;
}

/* Processor time of this thread: the other one never stops, and who else runs does not count. */
static void who_writes_noise_gets_no_more_than_is_his(void **state)
{
	(void)state;
	writer_start(write_noise, NULL);
	for (int i = 0; i < 5; i++) {
		uint64_t since_ns = clock_thread_ns();
		const struct snapshot_client *c = read_bounded(2, 3);
		assert_in_range((clock_thread_ns() - since_ns) / 1000000, 0, PATIENCE_MS);
		assert_in_range(c->n_queues, 0, 2);
		assert_in_range(snapshot.n_flows, 0, 3);
		assert_in_range(snapshot.n_texts, 0, REPORT_TEXTS_MAX);
	}
	writer_stop();
}

static void nobody_shows_more_than_he_may_have(void **state)
{
	(void)state;
	struct report_queue *q = queue_add(1);
	queue_add(2);
	for (uint32_t i = 0; i < 5; i++)
		flow_add(flow_id_make(1, i), q);
	const struct snapshot_client *c = read_bounded(1, 3);
	assert_int_equal(c->n_queues, 1);
	assert_int_equal(snapshot.n_flows, 3);
	assert_int_equal(c->unreadable, 1 + 2);
}

/* Each makes one thing impossible that was possible. */
static void bad_backend(struct report_queue_facts *q, struct report_flow *f)
{
	(void)f;
	q->backend = MSG_BACKEND_ZCRX + 1;
}

static void no_backend(struct report_queue_facts *q, struct report_flow *f)
{
	(void)f;
	q->backend = MSG_BACKEND_AUTO;
}

static void endless_why_not(struct report_queue_facts *q, struct report_flow *f)
{
	(void)f;
	memset(q->why_not, 'x', sizeof(q->why_not));
}

static void too_many_rxqs(struct report_queue_facts *q, struct report_flow *f)
{
	(void)f;
	q->n_rxqs = REPORT_RXQS_MAX + 1;
}

static void bad_untold(struct report_queue_facts *q, struct report_flow *f)
{
	(void)f;
	q->copies_untold = 2;
}

static void bad_state(struct report_queue_facts *q, struct report_flow *f)
{
	(void)q;
	f->state = FLOW_DEAD + 1;
}

static void bad_paused(struct report_queue_facts *q, struct report_flow *f)
{
	(void)q;
	f->paused = 2;
}

static void no_such_text(struct report_queue_facts *q, struct report_flow *f)
{
	(void)q;
	f->why_copied = 1;
}

static void no_text_at_all(struct report_queue_facts *q, struct report_flow *f)
{
	(void)q;
	f->why_copied = UINT32_MAX;
}

static void facts_change(struct report_flow *f, const struct report_flow_facts *facts)
{
	report_flow_set(report, f, facts);
}

static void another_index(struct report_queue_facts *q, struct report_flow *f)
{
	(void)q;
	facts_change(f, &(struct report_flow_facts){.id = flow_id_make(1, 1), .queue_id = 1});
}

static void no_generation(struct report_queue_facts *q, struct report_flow *f)
{
	(void)q;
	report_flow_set(report, f, &(struct report_flow_facts){0});
	f = report_flow_free(report, 1);
	facts_change(f, &(struct report_flow_facts){.id = 1, .queue_id = 1});
}

static void bad_family(struct report_queue_facts *q, struct report_flow *f)
{
	(void)q;
	facts_change(f, &(struct report_flow_facts){.id = flow_id_make(1, 0),
						    .queue_id = 1,
						    .remote = {.family = 5}});
}

static void bad_listener(struct report_queue_facts *q, struct report_flow *f)
{
	(void)q;
	facts_change(f, &(struct report_flow_facts){.id = flow_id_make(1, 0),
						    .queue_id = 1,
						    .listener = 2});
}

static void what_cannot_be_is_left_out(void **state)
{
	(void)state;
	static void (*const all[])(struct report_queue_facts *, struct report_flow *) =
		{bad_backend,  no_backend,    endless_why_not, too_many_rxqs,  bad_untold,
		 bad_state,    bad_paused,    no_such_text,    no_text_at_all, another_index,
		 bad_listener, no_generation, bad_family};
	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
		report = report_put(report);
		assert_int_equal(report_new(&report), 0);
		struct report_queue_facts facts = {.id = 1, .backend = MSG_BACKEND_COPY};
		struct report_queue *q = report_queue_free(report);
		report_queue_set(report, q, &facts);
		struct report_flow *f = flow_add(flow_id_make(1, 0), q);
		assert_int_equal(read_all()->unreadable, 0);
		assert_int_equal(flows_of(0), 1);
		all[i](&facts, f);
		report_queue_set(report, q, &facts);
		if (read_all()->unreadable != 1)
			fail_msg("number %zu of them: %u", i, snapshot.clients[0].unreadable);
	}
}

static void flows_of_no_queue_are_in_no_list(void **state)
{
	(void)state;
	struct report_queue *q = queue_add(1);
	struct report_flow *f = flow_add(flow_id_make(1, 0), q);
	for (uint32_t queue = 0; queue < 3; queue++) {
		facts_change(f,
			     &(struct report_flow_facts){.id = flow_id_make(1, 0),
							 .queue = queue == 2 ? UINT32_MAX : queue,
							 .queue_id = queue == 0 ? 2 : 1});
		read_all();
		assert_int_equal(flows_of(0), 0);
	}
}

static void another_version_is_not_read(void **state)
{
	(void)state;
	queue_add(1);
	memory()->version++;
	assert_int_equal(read_all()->unreadable, 1);
	assert_int_equal(snapshot.n_queues, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(who_stops_within_records_delays_nobody),
		CASE(many_who_do_so_take_nothing_from_others),
		CASE(who_writes_noise_gets_no_more_than_is_his),
		CASE(nobody_shows_more_than_he_may_have),
		CASE(what_cannot_be_is_left_out),
		CASE(flows_of_no_queue_are_in_no_list),
		CASE(another_version_is_not_read),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
