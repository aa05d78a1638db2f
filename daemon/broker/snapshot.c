/* SPDX-License-Identifier: MIT */
#include "daemon/broker/snapshot.h"

#include <errno.h>
#include <stdlib.h>

#define ROUNDS_MAX 3u /* of reading a report, until nothing changes meanwhile */

/* Pauses in which a record may become whole (snapshot_copy.h), of all clients and of one. */
#define PAUSES_MAX    100u
#define PAUSES_CLIENT 20u

struct reading {
	struct snapshot *s;
	struct snapshot_client *client;
	const struct report_memory *memory;
	uint32_t pauses;             /* left for this client */
	size_t queues, flows, texts; /* where its own begin in the snapshot */
};

/* Room for n more. */
static int reserve(void *array, size_t *room, size_t used, size_t n, size_t bytes)
{
	void **at = array;
	if (used + n <= *room)
		return 0;
	size_t more = (used + n) * 2;
	void *p = reallocarray(*at, more, bytes);
	if (!p)
		return -ENOMEM;
	*at = p;
	*room = more;
	return 0;
}

/* Of an array's length, which may be any number. */
static uint32_t length(const uint32_t *n, uint32_t most)
{
	uint32_t claimed = report_read_32(n);
	return claimed < most ? claimed : most;
}

static void client_read(struct reading *r)
{
	struct report_client_facts *facts = &r->client->facts;
	if (!snapshot_copy_client(r->memory, &r->pauses, facts)) {
		*facts = (struct report_client_facts){0};
		r->client->unreadable++;
	}
}

static void process_note(struct snapshot_client *c)
{
	struct process p = process_read(c->who.pump);
	if (p.started == c->who.pump_started) /* else the number is another's by now */
		c->process = p;
}

static int queues_read(struct reading *r)
{
	struct snapshot *s = r->s;
	uint32_t n = length(&r->memory->n_queues, REPORT_QUEUES_MAX);
	struct snapshot_queue q;
	for (uint32_t i = 0; i < n; i++) {
		bool good = snapshot_copy_queue(r->memory, i, &r->pauses, &q);
		if (good && q.facts.id == 0)
			continue;
		if (!good || s->n_queues - r->queues >= r->client->who.max_queues) {
			r->client->unreadable++;
			continue;
		}
		if (reserve(&s->queues, &s->room_queues, s->n_queues, 1, sizeof(q)) < 0)
			return -ENOMEM;
		s->queues[s->n_queues++] = q;
	}
	r->client->n_queues = (uint32_t)(s->n_queues - r->queues);
	return 0;
}

static int flows_read(struct reading *r)
{
	struct snapshot *s = r->s;
	uint32_t n = length(&r->memory->n_flows, REPORT_FLOWS_MAX);
	struct snapshot_flow f;
	for (uint32_t i = 0; i < n; i++) {
		bool good = snapshot_copy_flow(r->memory, i, &r->pauses, &f);
		if (good && f.facts.id == 0)
			continue;
		if (!good || s->n_flows - r->flows >= r->client->who.max_flows) {
			r->client->unreadable++;
			continue;
		}
		if (reserve(&s->flows, &s->room_flows, s->n_flows, 1, sizeof(f)) < 0)
			return -ENOMEM;
		s->flows[s->n_flows++] = f;
	}
	return 0;
}

/* After the flows: a flow's text was there before the flow had it. */
static int texts_read(struct reading *r)
{
	struct snapshot *s = r->s;
	uint32_t n = length(&r->memory->n_texts, REPORT_TEXTS_MAX);
	if (reserve(&s->texts, &s->room_texts, s->n_texts, n, sizeof(*s->texts)) < 0)
		return -ENOMEM;
	for (uint32_t i = 0; i < n; i++) {
		struct snapshot_text *t = &s->texts[s->n_texts++];
		report_read_words(t->text, r->memory->texts[i].words, sizeof(t->text));
		t->text[sizeof(t->text) - 1] = '\0';
	}
	return 0;
}

static struct snapshot_queue *queue_of(const struct reading *r, const struct snapshot_flow *f)
{
	size_t from = r->queues, to = r->s->n_queues;
	while (from < to) {
		size_t middle = from + (to - from) / 2;
		if (r->s->queues[middle].index < f->facts.queue)
			from = middle + 1;
		else
			to = middle;
	}
	if (from == r->s->n_queues)
		return NULL;
	struct snapshot_queue *q = &r->s->queues[from];
	bool found = q->index == f->facts.queue && q->facts.id == f->facts.queue_id;
	return found ? q : NULL;
}

/* The last first: then each list is in the order of the records. A queue may not be there yet. */
static void flows_link(struct reading *r)
{
	struct snapshot *s = r->s;
	size_t n_texts = s->n_texts - r->texts;
	for (size_t i = s->n_flows; i-- > r->flows;) {
		struct snapshot_flow *f = &s->flows[i];
		struct snapshot_queue *q = queue_of(r, f);
		if (f->why_copied > n_texts) {
			r->client->unreadable++;
			continue;
		}
		f->why_copied =
			f->why_copied ? (uint32_t)r->texts + f->why_copied - 1 : SNAPSHOT_END;
		if (!q)
			continue;
		f->next = q->first;
		q->first = (uint32_t)i;
	}
}

static int round_read(struct reading *r)
{
	struct snapshot *s = r->s;
	s->n_queues = r->queues;
	s->n_flows = r->flows;
	s->n_texts = r->texts;
	r->client->unreadable = 0;
	r->client->n_queues = 0;
	client_read(r);
	if (queues_read(r) < 0 || flows_read(r) < 0 || texts_read(r) < 0)
		return -ENOMEM;
	flows_link(r);
	return 0;
}

/* All of it of one moment, unless facts change all the time. */
static int report_read(struct reading *r)
{
	const struct report_memory *m = r->memory;
	if (!m || report_read_32(&m->version) != REPORT_VERSION) {
		r->client->unreadable = 1;
		return 0;
	}
	r->client->restarts = report_read_32(&m->restarts);
	for (uint32_t i = 0; i < ROUNDS_MAX; i++) {
		uint32_t changes = report_read_32(&m->changes);
		if (round_read(r) < 0)
			return -ENOMEM;
		if (report_read_32(&m->changes) == changes)
			break;
	}
	return 0;
}

int snapshot_add(struct snapshot *s, const struct snapshot_who *who, struct report *report)
{
	if (reserve(&s->clients, &s->room_clients, s->n_clients, 1, sizeof(*s->clients)) < 0)
		return -ENOMEM;
	s->clients[s->n_clients++] =
		(struct snapshot_client){.who = *who, .report = report ? report_ref(report) : NULL};
	return 0;
}

int snapshot_read(struct snapshot *s)
{
	uint32_t pauses = PAUSES_MAX;
	for (size_t i = 0; i < s->n_clients; i++) {
		struct snapshot_client *c = &s->clients[i];
		uint32_t own = pauses < PAUSES_CLIENT ? pauses : PAUSES_CLIENT;
		struct reading r = {.s = s,
				    .client = c,
				    .memory = c->report ? report_memory(c->report) : NULL,
				    .pauses = own,
				    .queues = s->n_queues,
				    .flows = s->n_flows,
				    .texts = s->n_texts};
		if (report_read(&r) < 0)
			return -ENOMEM;
		pauses -= own - r.pauses;
		process_note(c);
	}
	return 0;
}

void snapshot_done(struct snapshot *s)
{
	for (size_t i = 0; i < s->n_clients; i++)
		report_put(s->clients[i].report);
	free(s->clients);
	free(s->queues);
	free(s->flows);
	free(s->texts);
	*s = (struct snapshot){0};
}
