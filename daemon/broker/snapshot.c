/* SPDX-License-Identifier: MIT */
#include "daemon/broker/snapshot.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/counter.h"
#include "daemon/pump/tally.h"

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

static void flow_copy(struct snapshot_flow *to, const struct flow *f)
{
	*to = (struct snapshot_flow){
		.id = f->id,
		.listener = f->listener,
		.paused = flow_is_paused(f),
		.state = flow_state(f),
		.local = f->local,
		.remote = f->remote,
		.bytes = count_get(&f->bytes),
		.bytes_copied = count_get(&f->bytes_copied),
		.why_copied = tally_why_copied(f),
	};
	to->copies_untold = f->queue->copies_untold && !to->why_copied;
}

static void counters_copy(struct ring_daemon *to, const struct ring_daemon *d)
{
	*to = (struct ring_daemon){
		.bytes = count_get(&d->bytes),
		.bytes_copied = count_get(&d->bytes_copied),
		.completions = count_get(&d->completions),
		.refills = count_get(&d->refills),
		.refills_refused = count_get(&d->refills_refused),
		.heads_refused = count_get(&d->heads_refused),
		.starvations = count_get(&d->starvations),
		.wakeups = count_get(&d->wakeups),
		.enters = count_get(&d->enters),
		.lent = count_get(&d->lent),
		.returned = count_get(&d->returned),
		.missed = count_get(&d->missed),
		.in_vain = count_get(&d->in_vain),
	};
}

static void queue_copy(struct snapshot_queue *to, const struct queue *q)
{
	const uint32_t *rxqs;
	*to = (struct snapshot_queue){
		.id = q->id,
		.backend = q->backend_name,
		.area_bytes = q->area->bytes,
		.buffer_bytes = q->buffer_bytes,
		.cq_entries = q->rings.layout.cq_entries,
		.copies_untold = q->copies_untold,
	};
	memcpy(to->why_not, q->why_not, sizeof(to->why_not));
	counters_copy(&to->counters, q->rings.daemon);
	if (!q->lease)
		return;
	lease_where(q->lease, &to->ifindex, &rxqs, &to->n_rxqs);
	memcpy(to->rxqs, rxqs, to->n_rxqs * sizeof(*rxqs));
}

static int queue_add(struct snapshot *s, const struct queue *q)
{
	const struct flow *f;
	if (reserve(&s->queues, &s->room_queues, s->n_queues, 1, sizeof(*s->queues)) < 0 ||
	    reserve(&s->flows, &s->room_flows, s->n_flows, q->flow_count, sizeof(*s->flows)) < 0)
		return -ENOMEM;
	struct snapshot_queue *to = &s->queues[s->n_queues++];
	queue_copy(to, q);
	for (f = TAILQ_FIRST(&q->flows); f && to->n_flows < q->flow_count;
	     f = TAILQ_NEXT(f, link)) {
		flow_copy(&s->flows[s->n_flows++], f);
		to->n_flows++;
	}
	return 0;
}

static int client_add(struct snapshot *s, struct client *c)
{
	const struct queue *q;
	if (reserve(&s->clients, &s->room_clients, s->n_clients, 1, sizeof(*s->clients)) < 0)
		return -ENOMEM;
	struct snapshot_client *to = &s->clients[s->n_clients++];
	*to = (struct snapshot_client){.id = c->id, .pid = c->who.pid, .uid = c->who.uid};
	memcpy(to->class, c->who.class, sizeof(to->class));
	int r = 0;
	pthread_mutex_lock(&c->lock);
	memcpy(to->name, c->session.name, sizeof(to->name));
	TAILQ_FOREACH (q, &c->queues, link) {
		r = r < 0 ? r : queue_add(s, q);
		to->n_queues++;
	}
	pthread_mutex_unlock(&c->lock);
	return r;
}

int snapshot_take(struct snapshot *ret, const struct client_list *clients)
{
	struct snapshot s = {0};
	struct client *c;
	TAILQ_FOREACH (c, clients, link) {
		if (client_add(&s, c) < 0) {
			snapshot_done(&s);
			return -ENOMEM;
		}
	}
	*ret = s;
	return 0;
}

void snapshot_done(struct snapshot *s)
{
	free(s->clients);
	free(s->queues);
	free(s->flows);
	*s = (struct snapshot){0};
}
