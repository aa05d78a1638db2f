/* SPDX-License-Identifier: MIT */
#include "tests/daemon/report_world.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "base/clock.h"

#define WHILE_NS 2000000000ull

struct report *report;
struct snapshot snapshot;

int setup(void **state)
{
	(void)state;
	return report_new(&report);
}

int teardown(void **state)
{
	(void)state;
	snapshot_done(&snapshot);
	report = report_put(report);
	return 0;
}

/* What a process that was taken over can write to. */
struct report_memory *memory(void)
{
	const struct report_memory *m = report_memory(report);
	struct report_memory *writable;
	memcpy(&writable, &m, sizeof(m));
	return writable;
}

const struct snapshot_client *read_bounded(uint64_t max_queues, uint64_t max_flows)
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

const struct snapshot_client *read_all(void)
{
	return read_bounded(UINT64_MAX, UINT64_MAX);
}

struct report_queue *queue_add(uint32_t id)
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

struct report_flow *flow_add(uint32_t id, const struct report_queue *q)
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
uint32_t flows_of(uint32_t at)
{
	uint32_t n = 0;
	for (uint32_t i = snapshot.queues[at].first; i != SNAPSHOT_END; i = snapshot.flows[i].next)
		n++;
	return n;
}

static bool stop; /* atomic */

bool goes_on(void)
{
	return !__atomic_load_n(&stop, __ATOMIC_RELAXED);
}

static pthread_t writer;
uint64_t until_ns;

void writer_start(void *(*run)(void *), void *arg)
{
	stop = false;
	until_ns = clock_ns() + WHILE_NS;
	assert_int_equal(pthread_create(&writer, NULL, run, arg), 0);
}

void writer_stop(void)
{
	__atomic_store_n(&stop, true, __ATOMIC_RELAXED);
	pthread_join(writer, NULL);
}
