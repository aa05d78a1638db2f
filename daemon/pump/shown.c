/* SPDX-License-Identifier: MIT */
#include "daemon/pump/shown.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/counter.h"
#include "base/fd.h"
#include "daemon/common/memfd.h"
#include "daemon/grant/lease.h"
#include "daemon/link/shown.h"
#include "daemon/pump/tally.h"
#include "proto/backend.h"

static void flow_copy(struct shown_flow *to, const struct flow *f)
{
	const char *why = tally_why_copied(f);
	*to = (struct shown_flow){
		.id = f->id,
		.listener = f->listener,
		.paused = flow_is_paused(f),
		.copies_untold = f->queue->copies_untold && !why,
		.state = (uint8_t)flow_state(f),
		.local = f->local,
		.remote = f->remote,
		.bytes = count_get(&f->bytes),
		.bytes_copied = count_get(&f->bytes_copied),
	};
	snprintf(to->why_copied, sizeof(to->why_copied), "%s", why ? why : "");
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

static void queue_copy(struct shown_queue *to, const struct queue *q)
{
	const uint32_t *rxqs;
	*to = (struct shown_queue){
		.id = q->id,
		.backend = backend_find(q->backend_name),
		.area_bytes = q->area->bytes,
		.buffer_bytes = q->buffer_bytes,
		.cq_entries = q->rings.layout.cq_entries,
		.copies_untold = q->copies_untold,
	};
	snprintf(to->why_not, sizeof(to->why_not), "%s", q->why_not);
	counters_copy(&to->counters, q->rings.daemon);
	if (!q->lease)
		return;
	lease_where(q->lease, &to->ifindex, &rxqs, &to->n_rxqs);
	memcpy(to->rxqs, rxqs, to->n_rxqs * sizeof(*rxqs));
}

static size_t bytes_of(const struct client *c)
{
	const struct queue *q;
	size_t bytes = sizeof(struct shown_head);
	TAILQ_FOREACH (q, &c->queues, link)
		bytes += sizeof(struct shown_queue) + q->flow_count * sizeof(struct shown_flow);
	return bytes;
}

static void copy(struct shown_head *head, const struct client *c)
{
	const struct queue *q;
	const struct flow *f;
	memcpy(head->name, c->session.name, sizeof(head->name));
	TAILQ_FOREACH (q, &c->queues, link)
		head->n_queues++;
	struct shown_queue *to = (void *)(head + 1);
	struct shown_flow *flows = (void *)(to + head->n_queues);
	TAILQ_FOREACH (q, &c->queues, link) {
		queue_copy(to, q);
		for (f = TAILQ_FIRST(&q->flows); f && to->n_flows < q->flow_count;
		     f = TAILQ_NEXT(f, link), to->n_flows++)
			flow_copy(&flows[head->n_flows++], f);
		to++;
	}
}

int shown_make(struct client *c)
{
	pthread_mutex_lock(&c->lock);
	size_t bytes = bytes_of(c);
	struct shown_head *head = calloc(1, bytes);
	if (head)
		copy(head, c);
	pthread_mutex_unlock(&c->lock);
	int fd = head ? memfd_new("zcrx-pump-status") : -ENOMEM;
	if (fd >= 0 && write(fd, head, bytes) != (ssize_t)bytes)
		fd = (fd_close(fd), -ENOMEM);
	free(head);
	return fd;
}
