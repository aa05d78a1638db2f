/* SPDX-License-Identifier: MIT */
/* What a client's threads report, and what the status makes of it, whoever wrote it. */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/clock.h"
#include "daemon/broker/snapshot.h"

enum {
	MANY = 4000, /* flows */
	SOME = 40,
	CLIENTS = 250,
	ENOUGH = 3000, /* of what is looked at while it changes */
	/* The status waits for records that are being written for 100 ms in all. */
	PATIENCE_MS = 4000
};

#define WHILE_NS 2000000000ull /* ... or for so long */

static struct report *report;
static struct snapshot snapshot;

static int setup(void **state)
{
	(void)state;
	return report_new(&report);
}

static int teardown(void **state)
{
	(void)state;
	snapshot_done(&snapshot);
	report = report_put(report);
	return 0;
}

/* What a process that was taken over can write to. */
static struct report_memory *memory(void)
{
	const struct report_memory *m = report_memory(report);
	struct report_memory *writable;
	memcpy(&writable, &m, sizeof(m));
	return writable;
}

static const struct snapshot_client *read_bounded(uint64_t max_queues, uint64_t max_flows)
{
	const struct snapshot_who who = {.id = 7,
					 .class = "test",
					 .max_queues = max_queues,
					 .max_flows = max_flows};
	snapshot_done(&snapshot);
	assert_int_equal(snapshot_add(&snapshot, &who, report), 0);
	assert_int_equal(snapshot_read(&snapshot), 0);
	return &snapshot.clients[0];
}

static const struct snapshot_client *read_all(void)
{
	return read_bounded(UINT64_MAX, UINT64_MAX);
}

static struct report_queue *queue_add(uint32_t id)
{
	struct report_queue *q = report_queue_free(report);
	assert_non_null(q);
	report_queue_set(report, q,
			 &(struct report_queue_facts){.id = id,
						      .backend = MSG_BACKEND_ZCRX,
						      .why_not = "because",
						      .area_bytes = 1ull << 40,
						      .n_rxqs = 1,
						      .rxqs = {id}});
	return q;
}

static struct report_flow *flow_add(uint32_t id, const struct report_queue *q)
{
	struct report_flow *f = report_flow_free(report, flow_id_index(id));
	report_flow_set(report, f,
			&(struct report_flow_facts){.id = id,
						    .queue = report_queue_index(report, q),
						    .queue_id = q->facts[0],
						    .local = {.family = 4, .port = 80}});
	return f;
}

/* Flows that are in the list of this queue of the snapshot. */
static uint32_t flows_of(uint32_t at)
{
	uint32_t n = 0;
	for (uint32_t i = snapshot.queues[at].first; i != SNAPSHOT_END; i = snapshot.flows[i].next)
		n++;
	return n;
}

/* ---- a writer that means well ---- */

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

static bool stop; /* atomic */

static bool goes_on(void)
{
	return !__atomic_load_n(&stop, __ATOMIC_RELAXED);
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

static pthread_t writer;
static uint64_t until_ns;

static void writer_start(void *(*run)(void *), void *arg)
{
	stop = false;
	until_ns = clock_ns() + WHILE_NS;
	assert_int_equal(pthread_create(&writer, NULL, run, arg), 0);
}

static void writer_stop(void)
{
	__atomic_store_n(&stop, true, __ATOMIC_RELAXED);
	pthread_join(writer, NULL);
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

/* ---- one that does not ---- */

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
static uint64_t cpu_ns(void)
{
	struct timespec t;
	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
	return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

static void who_writes_noise_gets_no_more_than_is_his(void **state)
{
	(void)state;
	writer_start(write_noise, NULL);
	for (int i = 0; i < 5; i++) {
		uint64_t since_ns = cpu_ns();
		const struct snapshot_client *c = read_bounded(2, 3);
		assert_in_range((cpu_ns() - since_ns) / 1000000, 0, PATIENCE_MS);
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

#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(memory_grows_with_what_there_is),
		CASE(what_is_reported_is_told),
		CASE(records_are_used_again),
		CASE(each_sentence_has_a_number),
		CASE(a_record_that_is_written_meanwhile_is_whole),
		CASE(what_is_told_was_so_at_one_moment),
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
