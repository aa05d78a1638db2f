/* SPDX-License-Identifier: MIT */
#include "daemon/broker/snapshot_copy.h"

#include <string.h>
#include <time.h>

#include "proto/backend.h"

/* A writer needs no longer for a record, unless it waits for a processor. Then this waits, too. */
#define TRIES_AT_ONCE 8u
#define PAUSE_NS      1000000

/* Is the record to be read once more, after so many tries? */
static bool again(uint32_t *pauses, uint32_t tries)
{
	if (tries < TRIES_AT_ONCE)
		return true;
	if (*pauses == 0)
		return false;
	(*pauses)--;
	nanosleep(&(struct timespec){.tv_nsec = PAUSE_NS}, NULL);
	return true;
}

static bool client_try(const struct report_memory *m, struct report_client_facts *ret)
{
	uint32_t seq;
	if (!report_read_begin(&m->seq, &seq))
		return false;
	report_read_words(ret, m->facts, sizeof(*ret));
	return report_read_end(&m->seq, seq);
}

bool snapshot_copy_client(const struct report_memory *m, uint32_t *pauses,
			  struct report_client_facts *ret)
{
	uint32_t tries = 0;
	while (!client_try(m, ret))
		if (!again(pauses, tries++))
			return false;
	ret->name[sizeof(ret->name) - 1] = '\0';
	ret->sandbox[sizeof(ret->sandbox) - 1] = '\0';
	return true;
}

static bool queue_try(const struct report_queue *from, struct snapshot_queue *ret)
{
	uint32_t seq;
	if (!report_read_begin(&from->seq, &seq))
		return false;
	report_read_words(&ret->facts, from->facts, sizeof(ret->facts));
	report_count(&ret->counters, &from->counters);
	return report_read_end(&from->seq, seq);
}

static bool queue_is_possible(const struct report_queue_facts *q)
{
	return backend_bit(q->backend) && memchr(q->why_not, '\0', sizeof(q->why_not)) &&
	       q->n_rxqs <= REPORT_RXQS_MAX && q->copies_untold <= 1;
}

bool snapshot_copy_queue(const struct report_memory *m, uint32_t index, uint32_t *pauses,
			 struct snapshot_queue *ret)
{
	uint32_t tries = 0;
	*ret = (struct snapshot_queue){.index = index, .first = SNAPSHOT_END};
	while (!queue_try(&m->queues[index], ret))
		if (!again(pauses, tries++))
			return false;
	return ret->facts.id == 0 || queue_is_possible(&ret->facts);
}

static bool flow_try(const struct report_flow *from, struct snapshot_flow *ret)
{
	uint32_t seq;
	if (!report_read_begin(&from->seq, &seq))
		return false;
	report_read_words(&ret->facts, from->facts, sizeof(ret->facts));
	ret->state = report_read_32(&from->state);
	ret->paused = report_read_32(&from->paused);
	ret->why_copied = report_read_32(&from->why_copied);
	ret->bytes = report_read_64(&from->bytes);
	ret->bytes_copied = report_read_64(&from->bytes_copied);
	return report_read_end(&from->seq, seq);
}

static bool address_is_possible(const struct msg_addr *a)
{
	return a->family == 0 || a->family == 4 || a->family == 6;
}

static bool flow_is_possible(const struct snapshot_flow *f, uint32_t index)
{
	return flow_id_index(f->facts.id) == index && flow_id_generation(f->facts.id) != 0 &&
	       f->facts.listener <= 1 && address_is_possible(&f->facts.local) &&
	       address_is_possible(&f->facts.remote) && f->state <= FLOW_DEAD && f->paused <= 1 &&
	       f->why_copied <= REPORT_TEXTS_MAX;
}

bool snapshot_copy_flow(const struct report_memory *m, uint32_t index, uint32_t *pauses,
			struct snapshot_flow *ret)
{
	uint32_t tries = 0;
	while (!flow_try(&m->flows[index], ret))
		if (!again(pauses, tries++))
			return false;
	return ret->facts.id == 0 || flow_is_possible(ret, index);
}
