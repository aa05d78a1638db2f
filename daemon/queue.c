/* SPDX-License-Identifier: MIT */
#include "queue.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>

#include "../proto/reason.h"
#include "channel.h"
#include "control.h"
#include "flow.h"
#include "flows.h"
#include "lease.h"
#include "side.h"
#include "util.h"

#define LOOK_FIRST_NS 4000000ull
#define LOOK_MOST_NS  256000000ull

/* A NIC that fills a dma-buf leaves over what it cannot place there, and no CPU may. */
static bool needs_side(const struct queue *q)
{
	return q->backend->has_side && q->area->dmabuf >= 0;
}

static uint32_t cost_charge(struct queue *q, const struct queue_wish *wish)
{
	struct peer *peer = q->client->who.peer;
	if (account_charge(peer, ACCOUNT_QUEUES, 1) < 0)
		return REASON_QUOTA;
	uint64_t cost = rings_cost(wish->cq_entries, q->backend->cqe_bytes, wish->rq_entries);
	if (needs_side(q))
		cost += side_cost();
	if (account_charge(peer, ACCOUNT_BYTES, cost) < 0) {
		account_release(peer, ACCOUNT_QUEUES, 1);
		return REASON_QUOTA;
	}
	q->cost = cost;
	return REASON_NONE;
}

static void ring_ready(void *owner, uint32_t events)
{
	struct queue *q = owner;
	(void)events;
	q->active = true;
}

static int acquire(struct queue *q, const struct queue_wish *wish, int *ret_channel)
{
	int r = rings_init(&q->rings, &q->ring, wish->cq_entries, q->backend->cqe_bytes,
			   wish->rq_entries, !q->backend->reap);
	if (r < 0)
		return r;
	if (needs_side(q)) {
		r = side_new(&q->side, &q->ring);
		if (r < 0)
			return r;
		q->rings.layout.side_map_bytes = (uint32_t)side_cost();
		q->rings.layout.side_slot_bytes = SIDE_SLOT_BYTES;
	}
	struct backend_place place = {.area = q->area,
				      .side = q->side,
				      .buffer_bytes = wish->buffer_bytes};
	if (q->lease)
		lease_where(q->lease, &place.ifindex, &place.rxqs, &place.n_rxqs);
	r = q->backend->open(&q->buffers, &q->ring, &q->rings, &place);
	if (r < 0)
		return r;
	q->buffer_bytes = place.buffer_bytes;
	q->token = place.token;
	q->copies_untold = place.copies_untold;
	q->channel = channel_open(ret_channel);
	return q->channel < 0 ? q->channel : 0;
}

static int watch(struct queue *q)
{
	q->ring_source = (struct source){ring_ready, q};
	int r = control_watch(q->client, q->ring.eventfd, EPOLLIN | EPOLLET, &q->ring_source);
	if (r < 0)
		return r;
	q->channel_source = (struct source){channel_ready, q};
	return control_watch(q->client, q->channel, EPOLLIN | EPOLLOUT | EPOLLET,
			     &q->channel_source);
}

/* The part that may block for long. */
static void leave(void *data)
{
	struct queue *q = data;
	if (q->buffers)
		q->backend->close(q->buffers, &q->ring);
	q->buffers = NULL;
	uring_done(&q->ring);
	lease_end(q->leaving);
	q->leaving = NULL;
}

/* From now on the status does not look at the lease any more. */
static void leave_prepare(struct queue *q)
{
	q->channel = fd_close(q->channel);
	q->side = side_free(q->side);
	pthread_mutex_lock(&q->client->lock);
	q->leaving = q->lease;
	q->lease = NULL;
	pthread_mutex_unlock(&q->client->lock);
}

bool queue_ended(struct queue *q)
{
	if (!q->lease && !q->ending)
		return true;
	if (!q->ending) {
		q->ending = true;
		leave_prepare(q);
		work_start(&q->work, leave, q, q->client->poke);
	}
	if (!work_is_over(&q->work))
		return false;
	work_join(&q->work);
	return true;
}

/* Frees what queue_new() acquired, in whatever state. */
static void destroy(struct queue *q)
{
	struct peer *peer = q->client->who.peer;
	leave_prepare(q);
	leave(q);
	rings_done(&q->rings);
	q->area->in_use = false;
	account_release(peer, ACCOUNT_BYTES, q->cost);
	account_release(peer, ACCOUNT_QUEUES, 1);
	free(q);
}

static struct queue *blank(struct client *c, const struct queue_wish *wish)
{
	struct queue *q = calloc(1, sizeof(*q));
	if (!q)
		return NULL;
	*q = (struct queue){.client = c,
			    .area = wish->area,
			    .backend = wish->backend,
			    .channel = -1,
			    .rings = {.cq_fd = -1, .rq_fd = -1},
			    .ring = URING_NONE,
			    .buffer_bytes = wish->buffer_bytes,
			    .lease = wish->lease,
			    .active = true};
	TAILQ_INIT(&q->flows);
	TAILQ_INIT(&q->waiting);
	TAILQ_INIT(&q->dead);
	TAILQ_INIT(&q->owed);
	TAILQ_INIT(&q->news);
	snprintf(q->why_not, sizeof(q->why_not), "%s", wish->why_not);
	pace_init(&q->pace, (uint32_t)(q->area->bytes / q->buffer_bytes), wish->cq_entries);
	return q;
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
	*ret_reason = cost_charge(q, wish);
	if (*ret_reason) {
		lease_end(q->lease);
		free(q);
		return -EDQUOT;
	}
	int client_end = -1;
	int r = acquire(q, wish, &client_end);
	if (r < 0) {
		bool want = r == -ENOMEM || r == -EMFILE || r == -ENFILE;
		*ret_reason = want ? REASON_DAEMON_LIMIT : REASON_KERNEL;
		fd_close(client_end);
		destroy(q);
		return r;
	}
	q->area->in_use = true;
	*ret_channel = client_end;
	*ret = q;
	return 0;
}

int queue_start(struct queue *q)
{
	struct client *c = q->client;
	int r = uring_enable(&q->ring);
	if (r == 0)
		r = watch(q);
	if (r < 0)
		return r;
	pthread_mutex_lock(&c->lock);
	q->id = ++c->next_id;
	TAILQ_INSERT_TAIL(&c->queues, q, link);
	pthread_mutex_unlock(&c->lock);
	return 0;
}

void queue_discard(struct queue *q)
{
	destroy(q);
}

struct queue *queue_free(struct queue *q)
{
	struct client *c = q->client;
	pthread_mutex_lock(&c->lock);
	TAILQ_REMOVE(&c->queues, q, link);
	pthread_mutex_unlock(&c->lock);
	destroy(q);
	return NULL;
}

void queue_close(struct queue *q)
{
	struct flow *f, *next;
	q->closing = q->active = true;
	for (f = TAILQ_FIRST(&q->flows); f; f = next) {
		next = TAILQ_NEXT(f, link);
		f->closing = true;
		flow_attend(f);
	}
}

void queue_lose(struct queue *q, int error, uint32_t reason)
{
	q->lost = error;
	q->lost_reason = reason;
	channel_flush(q);
	/* Even if it does not read what was to come before: hardware does not wait for it. */
	q->hangup = q->active = true;
}

bool queue_quiet(const struct queue *q)
{
	const struct flow *connecting = q->client->session.connecting;
	return q->closing && TAILQ_EMPTY(&q->flows) && !(connecting && connecting->queue == q);
}

void queue_listen(struct queue *q)
{
	struct flow *f;
	q->listeners_wait = false;
	TAILQ_FOREACH (f, &q->flows, link)
		if (f->listener && f->state == FLOW_IDLE)
			flow_attend(f);
}

/* Completions that were scanned and are to be counted. */
struct batch {
	uint32_t from, to; /* in the CQ */
	uint32_t data;     /* of these */
	uint64_t bytes, copied;
};

static const struct io_uring_cqe *cqe_at(const struct queue *q, uint32_t position)
{
	const struct msg_rings *l = &q->rings.layout;
	uint32_t index = position & (l->cq_entries - 1);
	return (const void *)(q->rings.cq + l->cq_cqes + (size_t)index * l->cqe_bytes);
}

/* What the kernel copied without saying of which flow, since it was last asked. */
static uint64_t untold(struct queue *q, uint64_t most)
{
	uint64_t all = q->backend->copied ? q->backend->copied(q->buffers) : 0;
	uint64_t more = all > q->untold ? all - q->untold : 0;
	more = more < most ? more : most;
	q->untold = all < q->untold ? all : q->untold + more; /* the client can write it, too */
	return more;
}

static struct flow *flow_at(const struct queue *q, uint32_t at, uint32_t *ret_bytes)
{
	const struct io_uring_cqe *cqe = cqe_at(q, at);
	*ret_bytes = cqe->res > 0 ? (uint32_t)cqe->res : 0;
	return cqe->res > 0 ? flow_find(q->client, (uint32_t)cqe->user_data) : NULL;
}

/*
 * Flows that are not steered are copied whole. Of what is left each other flow's part is that of
 * its bytes in the batch: exact when they all are of one.
 */
static void share_out(struct queue *q, const struct batch *b, uint64_t copied)
{
	uint32_t bytes;
	uint64_t others = 0;
	struct flow *f;
	for (uint32_t at = b->from; at != b->to; at++) {
		f = flow_at(q, at, &bytes);
		if (!f || !f->why_copied || bytes > copied) {
			others += bytes;
			continue;
		}
		count_add(&f->bytes_copied, bytes);
		copied -= bytes;
	}
	for (uint32_t at = b->from; copied > 0 && at != b->to; at++) {
		f = flow_at(q, at, &bytes);
		if (f && !f->why_copied)
			count_add(&f->bytes_copied, copied * bytes / others);
	}
}

static void batch_count(struct queue *q, struct batch *b)
{
	struct ring_daemon *d = q->rings.daemon;
	uint64_t more = untold(q, b->bytes - b->copied);
	if (more)
		share_out(q, b, more);
	count_add(&d->completions, b->data);
	count_add(&d->bytes, b->bytes);
	count_add(&d->bytes_copied, b->copied + more);
	*b = (struct batch){.from = b->to, .to = b->to};
}

/*
 * Everything the kernel has written since; returns the number of completions with data. Counts are
 * right before a flow's end is told.
 */
static uint32_t scan(struct queue *q)
{
	uint32_t tail = ring_load(q->rings.cq_tail), data = 0;
	struct batch batch = {.from = q->scanned, .to = q->scanned};
	struct flow *f = NULL;
	while (q->scanned != tail) {
		const struct io_uring_cqe *cqe = cqe_at(q, q->scanned++);
		uint32_t copied = q->backend->received(q->buffers, cqe);
		if (cqe->res > 0) {
			data++;
			batch.data++;
			batch.bytes += (uint64_t)cqe->res;
			batch.copied += copied;
		} else {
			batch_count(q, &batch);
		}
		batch.to = q->scanned;
		if (!f || f->id != (uint32_t)cqe->user_data)
			f = flow_find(q->client, (uint32_t)cqe->user_data);
		if (f && cqe->res > 0 && cqe->flags & IORING_CQE_F_MORE)
			flow_moved(f, (uint32_t)cqe->res, copied);
		else if (f)
			flow_received(f, cqe, copied);
	}
	batch_count(q, &batch);
	return data;
}

static void take_refills(struct queue *q)
{
	struct ring_rqe entry;
	uint32_t taken = 0, refused = 0;
	if (q->side && !side_back(q->side, ring_load(&q->rings.client->side_head)))
		count_add(&q->rings.daemon->heads_refused, 1);
	if (!q->backend->refill)
		return;
	/* No more a turn than the ring holds: a client that refills without end gets no endless
	 * turn. */
	for (uint32_t i = 0;
	     i <= q->rings.rq_mask && rings_refill_next(&q->rings, &entry, &refused); i++) {
		if (entry.pad == 0 && q->backend->refill(q->buffers, entry.off))
			taken++;
		else
			refused++;
	}
	if (taken || refused)
		rings_refill_show(&q->rings);
	if (taken)
		count_add(&q->rings.daemon->refills, taken);
	if (refused)
		count_add(&q->rings.daemon->refills_refused, refused);
}

/* Gives the kernel the entries the client has consumed. A head outside what we saw is refused. */
static void move_head(struct queue *q)
{
	uint32_t head = q->closing ? q->scanned : ring_load(&q->rings.client->cq_head);
	if (head == q->head)
		return;
	if (head - q->head > q->scanned - q->head) {
		count_add(&q->rings.daemon->heads_refused, 1);
		return;
	}
	q->head = head;
	ring_store(q->rings.cq_head, head);
}

/* However many are dead: a turn looks at those only with which something has happened. */
static void bury(struct queue *q)
{
	struct flow *f;
	uint32_t id;
	while ((f = TAILQ_FIRST(&q->dead)) && (int32_t)(q->head - f->end) >= 0)
		if (flow_is_settled(f))
			flow_free(f);
		else
			flows_owe(f);
	while (q->backend->settled_next && (id = q->backend->settled_next(q->buffers)) != 0) {
		f = flow_find(q->client, id);
		if (f && f->waits_on == &q->owed && flow_is_settled(f))
			flow_free(f);
	}
	f = TAILQ_FIRST(&q->owed);
	if (q->closing && f && flow_is_settled(f)) /* that recalls everything, all others' too */
		flow_free(f);
}

/* More than half of the CQ is unread. */
static bool crowded(const struct queue *q)
{
	return q->scanned - q->head > q->rings.layout.cq_entries / 2;
}

/*
 * Arms waiting flows, one for each free buffer, while the CQ has room. The kernel gives no data
 * while completions are left that found no room: then more receives would only end as well.
 */
static bool arm_waiting(struct queue *q)
{
	struct flow *f;
	uint32_t budget = q->backend->post(q->buffers);
	uint32_t room = q->rings.layout.cq_entries - (q->scanned - q->head);
	if (crowded(q) || uring_overflown(&q->ring))
		budget = 0;
	else if (budget > room)
		budget = room;
	for (; budget > 0 && (f = TAILQ_FIRST(&q->waiting)); budget--) {
		flows_forget(f);
		flow_arm(f);
	}
	return !TAILQ_EMPTY(&q->waiting);
}

static bool side_pending(const struct queue *q)
{
	return q->side && side_is_back(q->side, ring_load(&q->rings.client->side_head));
}

/*
 * Before sleeping: if anything waits for the client, ask for a kick, then look once more. True if
 * there is something after all.
 */
static bool ask_for_kick(struct queue *q)
{
	if (TAILQ_EMPTY(&q->waiting) && TAILQ_EMPTY(&q->dead) && TAILQ_EMPTY(&q->owed) &&
	    !q->held && !uring_overflown(&q->ring))
		return false;
	if (!ring_load(&q->rings.daemon->kick)) {
		q->kick += q->kick == UINT32_MAX ? 2 : 1;
		ring_store(&q->rings.daemon->kick, q->kick);
	}
	ring_barrier();
	uint32_t head = ring_load(&q->rings.client->cq_head);
	bool moved = head != q->head && head - q->head <= q->scanned - q->head;
	return moved || side_pending(q) || rings_refill_pending(&q->rings);
}

/* Where the completions are not the kernel's: it has none but those that wait for the client. */
static void reap(struct queue *q)
{
	if (q->backend->reap)
		q->held = q->backend->reap(q->buffers);
}

/* Nothing to do: arms the eventfd. False if work arrived in between. */
static bool settle(struct queue *q)
{
	uring_sleep(&q->ring);
	count_add(&q->rings.daemon->enters, 1);
	reap(q);
	return ring_load(q->rings.cq_tail) == q->scanned;
}

/* Runs the kernel's work, unless the last turn left completions behind. */
static void enter(struct queue *q)
{
	bool submit = io_uring_sq_ready(&q->ring.io) > 0;
	if (!submit && ring_load(q->rings.cq_tail) != q->scanned)
		return;
	int r = q->pace.wait_us && !submit
			? uring_enter_wait(&q->ring, q->scanned - q->head + q->pace.goal, 0)
			: uring_enter(&q->ring);
	count_add(&q->rings.daemon->enters, 1);
	if (r < 0 && !q->lost)
		queue_lose(q, r, REASON_KERNEL);
}

/*
 * A client that gives buffers back while nothing else happens need not say so. Those that the
 * kernel lent to its socket are looked for after a while, then less and less often.
 */
static void look_later(struct queue *q, uint64_t now, bool data)
{
	const struct ring_daemon *d = q->rings.daemon;
	bool owed = d->lent != d->returned + d->missed;
	q->look_ns = 0;
	if (q->active || !owed)
		return;
	if (data || !q->look_step_ns)
		q->look_step_ns = LOOK_FIRST_NS;
	else if (q->look_step_ns < LOOK_MOST_NS)
		q->look_step_ns *= 2;
	q->look_ns = now + q->look_step_ns;
}

void queue_turn(struct queue *q)
{
	uring_awake(&q->ring);
	if (q->rings.daemon->kick)
		ring_store(&q->rings.daemon->kick, 0);
	if (q->hangup && !q->closing)
		queue_close(q);
	enter(q);
	reap(q);
	uint64_t bytes = count_get(&q->rings.daemon->bytes);
	uint32_t data = scan(q);
	take_refills(q);
	move_head(q);
	bury(q);
	if (q->listeners_wait && TAILQ_EMPTY(&q->news) && !q->closing)
		queue_listen(q);
	uint32_t untaken = rings_refill_untaken(&q->rings);
	bool starved = arm_waiting(q);
	if (rings_refill_untaken(&q->rings) < untaken)
		channel_wake(q); /* it may have waited for room for refills */
	if (starved && !q->rings.daemon->starved)
		count_add(&q->rings.daemon->starvations, 1);
	ring_store(&q->rings.daemon->starved, starved);
	/* Ends of receives fill the ring as well, and only the client can make room. */
	if (data || crowded(q))
		channel_wake(q);
	uint64_t now = clock_ns();
	uint32_t wait_us =
		pace_next(&q->pace, now, data, count_get(&q->rings.daemon->bytes) - bytes);
	q->due_ns = 0;
	if (q->closing || io_uring_sq_ready(&q->ring.io))
		return;
	if (wait_us && !starved)
		q->due_ns = now + wait_us * 1000ull;
	else
		/* A turn without data gives back what a batch was waited for. */
		q->active = (data && q->backend->reap) || ask_for_kick(q) || !settle(q);
	look_later(q, now, data);
}
