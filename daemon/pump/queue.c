/* SPDX-License-Identifier: MIT */
#include "daemon/pump/queue.h"
#include "daemon/grant/account.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "base/fd.h"
#include "daemon/backend/side.h"
#include "daemon/grant/classes.h"
#include "daemon/grant/lease.h"
#include "daemon/pump/channel.h"
#include "daemon/pump/flow.h"
#include "daemon/pump/flows.h"
#include "daemon/pump/gather.h"
#include "daemon/pump/life.h"
#include "daemon/pump/sandbox.h"
#include "daemon/pump/steer.h"
#include "proto/reason.h"

#define NIC_SHARE 4 /* of a leased queue's buffers others are in the NIC, in sockets, or lost */

/* What a NIC cannot place in a dma-buf, no CPU may write there. */
static bool needs_side(const struct queue_wish *wish)
{
	return wish->ops->needs_side && wish->area->dmabuf >= 0;
}

static void ring_ready(void *owner, uint32_t events)
{
	struct queue *q = owner;
	(void)events;
	schedule_now(&q->schedule);
}

static int acquire(struct queue *q, const struct queue_wish *wish, int *ret_channel)
{
	struct user *user = q->client->who.user;
	struct rings_wish rings = {.cq_entries = wish->cq_entries,
				   .rq_entries = wish->rq_entries,
				   .cqe_bytes = wish->ops->cqe_bytes,
				   .kernel_writes = !wish->ops->private_ring,
				   .patient = wish->patient,
				   .why = wish->why};
	int r = loop_init(&q->loop);
	if (r == 0)
		r = rings_init(&q->rings, &q->ring, user, &rings);
	if (r == 0)
		r = uring_eventfd(&q->ring, true);
	if (r < 0)
		return r;
	if (needs_side(wish)) {
		r = side_new(&q->side, &q->ring, user, wish->why);
		if (r < 0)
			return r;
		q->rings.layout.side_map_bytes = (uint32_t)side_bytes();
		q->rings.layout.side_slot_bytes = SIDE_SLOT_BYTES;
	}
	struct backend_setup setup = {.ring = &q->ring,
				      .rings = &q->rings,
				      .side = q->side,
				      .area = q->area,
				      .buffer_bytes = wish->buffer_bytes,
				      .lease = q->lease,
				      .why = wish->why};
	r = wish->ops->open(&q->backend, &setup);
	if (r < 0)
		return r;
	q->buffer_bytes = q->backend->buffer_bytes;
	q->copies_untold = q->backend->copies_untold;
	return channel_open(q, wish->poke, ret_channel);
}

static int watch(struct queue *q)
{
	q->ring_source = (struct source){ring_ready, q};
	struct loop *l = &q->loop;
	int r = loop_watch(l, q->ring.eventfd, EPOLLIN | EPOLLET, &q->ring_source);
	if (r < 0)
		return r;
	q->channel_source = (struct source){channel_ready, q};
	return loop_watch(l, q->channel, EPOLLIN | EPOLLOUT | EPOLLET, &q->channel_source);
}

/* The part that may block for long. */
static void leave(struct queue *q)
{
	if (q->backend)
		q->backend->ops->close(q->backend);
	q->backend = NULL;
	uring_done(&q->ring);
	uring_done(&q->control);
	lease_end(q->leaving);
	q->leaving = NULL;
}

static_assert(REPORT_RXQS_MAX >= LEASE_QUEUES_MAX, "the status tells of all of them");

static void tell_status(const struct queue *q)
{
	const uint32_t *rxqs;
	struct report_queue_facts facts = {
		.id = q->id,
		.backend = q->backend_number,
		.area_bytes = q->area->bytes,
		.buffer_bytes = q->buffer_bytes,
		.cq_entries = q->rings.layout.cq_entries,
		.copies_untold = q->copies_untold,
	};
	snprintf(facts.why_not, sizeof(facts.why_not), "%s", q->why_not);
	if (q->lease) {
		lease_where(q->lease, &facts.ifindex, &rxqs, &facts.n_rxqs);
		memcpy(facts.rxqs, rxqs, facts.n_rxqs * sizeof(*rxqs));
	}
	report_queue_set(q->client->report, q->report, &facts);
}

static void leave_prepare(struct queue *q)
{
	channel_close(q);
	ahead_done(&q->flows_ahead);
	account_release(q->client->who.user, ACCOUNT_FLOWS, ahead_rest(&q->flows_ahead, 0));
	q->side = side_free(q->side);
	q->leaving = q->lease;
	q->lease = NULL;
	if (q->leaving && q->report)
		tell_status(q);
}

void queue_end(struct queue *q)
{
	if (q->lease)
		life_step(q, LIFE_LEAVING);
	leave_prepare(q);
	leave(q);
	life_step(q, LIFE_GONE);
}

/* Frees what queue_new() acquired, in whatever state. */
static void destroy(struct queue *q)
{
	leave_prepare(q);
	leave(q);
	rings_done(&q->rings);
	loop_done(&q->loop);
	fd_close(q->poke);
	classes_put(q->judged.classes);
	q->area->in_use = false;
	account_release(q->client->who.user, ACCOUNT_QUEUES, 1);
	free(q);
}

static void lists_init(struct queue *q)
{
	TAILQ_INIT(&q->flows);
	TAILQ_INIT(&q->waiting);
	TAILQ_INIT(&q->dead);
	TAILQ_INIT(&q->owed);
	TAILQ_INIT(&q->steerings);
	TAILQ_INIT(&q->fresh);
	TAILQ_INIT(&q->news);
	gather_init(q);
}

static struct queue *blank(struct client *c, const struct queue_wish *wish)
{
	struct queue *q = calloc(1, sizeof(*q));
	if (!q)
		return NULL;
	*q = QUEUE_NULL;
	q->client = c;
	q->area = wish->area;
	q->backend_number = wish->ops->number;
	q->buffer_bytes = wish->buffer_bytes;
	q->lease = wish->lease;
	q->flows_ahead = (struct ahead){.whom.user = c->who.user, .news = wish->poke};
	lists_init(q);
	snprintf(q->why_not, sizeof(q->why_not), "%s", wish->why_not);
	schedule_init(&q->schedule,
		      &(struct pace_limits){.buffers = (uint32_t)(q->area->bytes / q->buffer_bytes /
								  (q->lease ? NIC_SHARE : 1)),
					    .buffer_bytes = q->buffer_bytes,
					    .cq_entries = wish->cq_entries,
					    .most_us = wish->ops->pace_us});
	return q;
}

static uint32_t reason_of(int error)
{
	switch (error) {
	case -EDQUOT:
		return REASON_QUOTA;
	case -ENOMEM:
	case -EMFILE:
	case -ENFILE:
	case -ENOSPC:
	case -EPIPE:
		return REASON_DAEMON_LIMIT;
	default:
		return REASON_KERNEL;
	}
}

int queue_new(struct queue **ret, struct client *c, const struct queue_wish *wish, int *ret_channel,
	      uint32_t *ret_reason)
{
	*ret_reason = REASON_DAEMON_LIMIT;
	struct queue *q = blank(c, wish);
	if (!q) {
		lease_end(wish->lease);
		return -ENOMEM;
	}
	int client_end = -1, r = account_charge(c->who.user, ACCOUNT_QUEUES, 1, wish->why);
	if (r < 0) {
		*ret_reason = reason_of(r);
		lease_end(q->lease);
		free(q);
		return r;
	}
	r = acquire(q, wish, &client_end);
	if (r < 0) {
		*ret_reason = reason_of(r);
		fd_close(client_end);
		destroy(q);
		return r;
	}
	q->area->in_use = true;
	q->poke = wish->poke;
	*ret_channel = client_end;
	*ret = q;
	return 0;
}

int queue_show(struct queue *q)
{
	struct client *c = q->client;
	q->report = report_queue_free(c->report);
	if (!q->report)
		return -EMLINK;
	q->id = ++c->next_id;
	TAILQ_INSERT_TAIL(&c->queues, q, link);
	report_count(&q->report->counters, q->rings.daemon);
	tell_status(q);
	return 0;
}

int queue_start(struct queue *q)
{
	int r = sandbox_ring(&q->ring.io,
			     q->backend->ops->private_ring ? RESTRICT_DEVMEM : RESTRICT_QUEUE);
	if (r == 0)
		r = uring_enable(&q->ring);
	if (r == 0)
		r = watch(q);
	if (r == 0)
		life_step(q, LIFE_RUNNING);
	return r;
}

struct queue *queue_find(struct client *c, uint32_t id)
{
	struct queue *q;
	TAILQ_FOREACH (q, &c->queues, link)
		if (q->id == id && life_of(q) < LIFE_CLOSING)
			return q;
	return NULL;
}

void queue_free(struct queue *q)
{
	struct client *c = q->client;
	if (q->report) {
		TAILQ_REMOVE(&c->queues, q, link);
		report_queue_set(c->report, q->report, &(struct report_queue_facts){0});
	}
	q->report = NULL;
	destroy(q);
}

void queue_look_at_lease(struct queue *q)
{
	const char *why;
	uint32_t reason = lease_lost(q->lease, &why);
	if (queue_is_closing(q))
		return;
	if (!reason)
		return steer_look(q);
	life_lose(q, reason_error(reason), reason, why);
}
