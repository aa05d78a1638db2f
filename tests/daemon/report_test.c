/* SPDX-License-Identifier: MIT */
/* What a client's threads report, and what the status makes of it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/clock.h"
#include "tests/daemon/report_world.h"

enum {
	MANY = 4000,   /* flows */
	ENOUGH = 3000, /* flows that were looked at while they changed */
};

static size_t pages_touched(void)
{
	static unsigned char in[sizeof(struct report_memory) / REPORT_PAGE_BYTES + 1];
	size_t n = 0, pages = sizeof(struct report_memory) / REPORT_PAGE_BYTES;
	assert_int_equal(sysconf(_SC_PAGESIZE), REPORT_PAGE_BYTES);
	assert_int_equal(mincore(memory(), sizeof(struct report_memory), in), 0);
	for (size_t i = 0; i < pages; i++)
		n += in[i] & 1;
	return n;
}

static void memory_grows_with_what_there_is(void **state)
{
	(void)state;
	report_client(report, &(struct report_client_facts){.name = "idle"});
	read_all();
	assert_int_equal(pages_touched(), 1);
	const struct report_queue *q = queue_add(1);
	for (uint32_t i = 0; i < 40; i++)
		flow_add(flow_id_make(1, i), q);
	read_all();
	assert_int_equal(pages_touched(), 3);
	report_text(report, "a sentence");
	read_all();
	assert_int_equal(pages_touched(), 4);
}

static void what_is_reported_is_told(void **state)
{
	(void)state;
	report_client(report, &(struct report_client_facts){.name = "a name"});
	struct report_queue *first = queue_add(3), *second = queue_add(4);
	first->counters.enters = 9;
	flow_add(flow_id_make(1, 0), second);
	struct report_flow *f = flow_add(flow_id_make(1, 1), first);
	flow_add(flow_id_make(1, 2), second);
	f->state = FLOW_ENDED;
	f->paused = 1;
	f->bytes = 5;
	f->bytes_copied = 4;
	f->why_copied = report_text(report, "a reason");

	const struct snapshot_client *c = read_all();
	assert_int_equal(c->unreadable, 0);
	assert_string_equal(c->facts.name, "a name");
	assert_int_equal(c->n_queues, 2);
	const struct snapshot_queue *q = &snapshot.queues[0];
	assert_int_equal(q->facts.id, 3);
	assert_string_equal(q->facts.why_not, "because");
	assert_int_equal(q->facts.area_bytes, 1ull << 40);
	assert_int_equal(q->facts.rxqs[0], 3);
	assert_int_equal(q->counters.enters, 9);
	assert_int_equal(flows_of(0), 1);
	assert_int_equal(flows_of(1), 2);
	const struct snapshot_flow *told = &snapshot.flows[q->first];
	assert_int_equal(told->facts.id, flow_id_make(1, 1));
	assert_int_equal(told->facts.local.port, 80);
	assert_int_equal(told->state, FLOW_ENDED);
	assert_int_equal(told->paused, 1);
	assert_int_equal(told->bytes, 5);
	assert_int_equal(told->bytes_copied, 4);
	assert_string_equal(snapshot.texts[told->why_copied].text, "a reason");
	assert_int_equal(snapshot.flows[snapshot.queues[1].first].facts.id, flow_id_make(1, 0));
}

static void records_are_used_again(void **state)
{
	(void)state;
	struct report_queue *q = queue_add(1);
	struct report_flow *f = flow_add(flow_id_make(1, 5), q);
	f->bytes = 77;
	report_flow_set(report, f, &(struct report_flow_facts){0});
	report_queue_set(report, q, &(struct report_queue_facts){0});
	assert_int_equal(read_all()->n_queues, 0);
	assert_int_equal(snapshot.n_flows, 0);
	assert_ptr_equal(queue_add(2), q);
	assert_ptr_equal(flow_add(flow_id_make(2, 5), q), f);
	read_all();
	assert_int_equal(snapshot.flows[0].facts.id, flow_id_make(2, 5));
	assert_int_equal(snapshot.flows[0].bytes, 0);
}

static void each_sentence_has_a_number(void **state)
{
	(void)state;
	char text[32];
	assert_int_equal(report_text(report, NULL), 0);
	assert_int_equal(report_text(report, "one"), 1);
	assert_int_equal(report_text(report, "two"), 2);
	assert_int_equal(report_text(report, "one"), 1);
	for (int i = 0; i < 100; i++) {
		snprintf(text, sizeof(text), "sentence %d", i);
		assert_in_range(report_text(report, text), 3, REPORT_TEXTS_MAX);
	}
	read_all();
	assert_int_equal(snapshot.n_texts, REPORT_TEXTS_MAX);
	assert_string_equal(snapshot.texts[REPORT_TEXTS_MAX - 1].text,
			    "The status has no room for the reason.");
}

/* Facts and other words that all have the same number in them. */
static void *write_same(void *data)
{
	struct report_queue *q = data;
	for (uint32_t n = 1; goes_on(); n = n % 60000 + 1) {
		struct report_flow *f = report_flow_free(report, 0);
		__atomic_store_n(&f->bytes, n, __ATOMIC_RELAXED);
		report_flow_set(report, f,
				&(struct report_flow_facts){.id = flow_id_make((uint16_t)n, 0),
							    .queue_id = 1,
							    .local = {.family = 4,
								      .port = (uint16_t)n,
								      .scope = n},
							    .remote = {.family = 6,
								       .port = (uint16_t)n,
								       .scope = n}});
		report_queue_set(report, q,
				 &(struct report_queue_facts){.id = 1,
							      .backend = MSG_BACKEND_COPY,
							      .area_bytes = n,
							      .ifindex = n});
		report_flow_set(report, f, &(struct report_flow_facts){0});
	}
	return NULL;
}

static void is_whole(const struct snapshot_flow *f)
{
	uint32_t n = flow_id_generation(f->facts.id);
	assert_int_equal(f->facts.local.port, n);
	assert_int_equal(f->facts.local.scope, n);
	assert_int_equal(f->facts.remote.port, n);
	assert_int_equal(f->facts.remote.scope, n);
	assert_int_equal(f->bytes, n);
}

static void a_record_that_is_written_meanwhile_is_whole(void **state)
{
	(void)state;
	uint32_t found = 0, left_out = 0, last = 0;
	writer_start(write_same, report_queue_free(report));
	while (found < ENOUGH && clock_ns() < until_ns) {
		left_out += read_all()->unreadable;
		for (size_t i = 0; i < snapshot.n_queues; i++)
			assert_int_equal(snapshot.queues[i].facts.area_bytes,
					 snapshot.queues[i].facts.ifindex);
		for (size_t i = 0; i < snapshot.n_flows; i++) {
			is_whole(&snapshot.flows[i]);
			found += snapshot.flows[i].facts.id != last;
			last = snapshot.flows[i].facts.id;
		}
	}
	writer_stop();
	print_message("%u flows found, %u records left out\n", found, left_out);
	assert_true(found > 0);
	assert_int_equal(read_all()->unreadable, 0);
}

static uint32_t pairs; /* atomic */

/* The second flow of a pair comes later and goes earlier than the first. */
static void *write_pairs(void *data)
{
	const struct report_queue *q = data;
	for (; goes_on(); usleep(20000)) {
		struct report_flow *a = flow_add(flow_id_make(1, 0), q);
		struct report_flow *b = flow_add(flow_id_make(1, MANY), q);
		usleep(20000);
		report_flow_set(report, b, &(struct report_flow_facts){0});
		report_flow_set(report, a, &(struct report_flow_facts){0});
		__atomic_add_fetch(&pairs, 1, __ATOMIC_RELAXED);
	}
	return NULL;
}

/* Of what changes again and again while it is read there may be two moments: seldom. */
static void what_is_told_was_so_at_one_moment(void **state)
{
	(void)state;
	uint32_t wrong = 0;
	pairs = 0;
	writer_start(write_pairs, queue_add(1));
	while (clock_ns() < until_ns) {
		read_all();
		wrong += snapshot.n_flows == 1 && flow_id_index(snapshot.flows[0].facts.id) == MANY;
	}
	writer_stop();
	print_message("%u pairs of flows, one of which was told alone %u times\n", pairs, wrong);
	assert_true(pairs > 0);
	assert_in_range(wrong, 0, pairs / 4);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(memory_grows_with_what_there_is),
		CASE(what_is_reported_is_told),
		CASE(records_are_used_again),
		CASE(each_sentence_has_a_number),
		CASE(a_record_that_is_written_meanwhile_is_whole),
		CASE(what_is_told_was_so_at_one_moment),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
