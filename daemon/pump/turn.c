/* SPDX-License-Identifier: MIT */
#include "daemon/pump/turn.h"

#include "base/clock.h"
#include "base/counter.h"
#include "daemon/backend/side.h"
#include "daemon/pump/channel.h"
#include "daemon/pump/flow.h"
#include "daemon/pump/flows.h"
#include "daemon/pump/gather.h"
#include "daemon/pump/life.h"
#include "daemon/pump/listener.h"
#include "daemon/pump/nudge.h"
#include "daemon/pump/queue.h"
#include "daemon/pump/returns.h"
#include "daemon/pump/steer.h"
#include "daemon/pump/tally.h"
#include "proto/reason.h"

struct turn {
	uint64_t began_ns;
	uint32_t data;  /* completions with data */
	uint64_t bytes; /* of data */
	bool found;     /* completions, or something that the client gave */
	bool starved;   /* flows wait for buffers or for room in the CQ */
	bool refused;   /* so many refills were wrong that the turn took no more */
};

/*
 * Looks at every completion that the kernel wrote since the last scan, and counts them before a
 * flow's end is told. Returns how many have data. A dense stream brings nothing else, and then no
 * completion is looked at again for a flow's sake.
 */
static uint32_t scan(struct queue *q)
{
	const struct backend_ops *ops = q->backend->ops;
	uint32_t tail = ring_load(q->rings.cq_tail);
	struct tally t = tally(q, tail);
	if (ops->received)
		ops->received(q->backend, q->scanned, tail);
	while (t.ends > 0) {
		const struct io_uring_cqe *cqe = rings_cqe(&q->rings, q->scanned++);
		if (tally_is_plain(cqe))
			continue;
		t.ends--;
		struct flow *f = flow_find(q, (uint32_t)cqe->user_data);
		if (f)
			flow_received(f, cqe);
	}
	q->scanned = tail;
	return t.data;
}

/* Frees dead flows. Looks only at flows whose end the client has passed, however many are dead. */
static void bury(struct queue *q)
{
	const struct backend_loans *loans = q->backend->ops->loans;
	struct flow *f;
	uint32_t id;
	while ((f = TAILQ_FIRST(&q->dead)) && (int32_t)(q->head - f->end) >= 0)
		if (flow_is_settled(f))
			flow_free(f);
		else
			flows_wait_on(f, &q->owed);
	while (loans && (id = loans->next_settled(q->backend)) != 0) {
		f = flow_find(q, id);
		if (f)
			flow_settle(f);
	}
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
	uint32_t budget = q->backend->ops->replenish(q->backend);
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

/* Does anything wait for room in the CQ or for buffers? */
static bool waits_for_client(const struct queue *q)
{
	return !TAILQ_EMPTY(&q->waiting) || !TAILQ_EMPTY(&q->dead) || !TAILQ_EMPTY(&q->owed) ||
	       q->held || uring_overflown(&q->ring);
}

/*
 * Before sleeping: if anything waits for the client, ask for a kick, then look once more. True if
 * there is something after all.
 */
static bool ask_for_kick(struct queue *q)
{
	if (!waits_for_client(q))
		return false;
	if (!ring_load(&q->rings.daemon->kick)) {
		q->kick += q->kick == UINT32_MAX ? 2 : 1;
		ring_store(&q->rings.daemon->kick, q->kick);
	}
	ring_barrier();
	return returns_any(q);
}

/* A number that changes if a turn finds anything. */
static uint32_t position(const struct queue *q)
{
	return q->scanned + q->head + (q->side ? q->side->head : 0) +
	       (uint32_t)count_get(&q->rings.daemon->refills);
}

/*
 * Where the completions are not the kernel's: it has none but those that wait for the client. True
 * if it had some.
 */
static bool reap(struct queue *q)
{
	const struct backend_private_ring *private = q->backend->ops->private_ring;
	return private && private->reap(q->backend, &q->held);
}

static void entered(struct queue *q, int r)
{
	count_add(&q->rings.daemon->enters, 1);
	if (r < 0)
		life_lose(q, r, REASON_KERNEL, NULL);
}

/*
 * Nothing to do? False if work arrived in between. What brings the client nothing counts, too: it
 * may have been what others waited for. And what the kernel did here may wait for the client now.
 */
static bool settle(struct queue *q)
{
	entered(q, uring_enter(&q->ring));
	bool came = reap(q) || queue_is_closing(q) || ring_load(q->rings.cq_tail) != q->scanned;
	return !uring_pending(&q->ring, came, q->flow_count) && !came;
}

/* Runs the kernel's work, unless the last turn left completions behind. */
static void enter(struct queue *q)
{
	bool submit = io_uring_sq_ready(&q->ring.io) > 0;
	if (!submit && ring_load(q->rings.cq_tail) != q->scanned)
		return;
	int r = q->schedule.pace.wait_us && !submit
			? uring_enter_fill(&q->ring, q->scanned - q->head + q->schedule.pace.goal)
			: uring_enter(&q->ring);
	entered(q, r);
}

/* The client may give buffers back without saying so, and the queue waits for them. */
static bool is_owed(const struct queue *q)
{
	const struct ring_daemon *d = q->rings.daemon;
	bool lent = d->lent != d->returned + d->missed;
	return lent || (q->backend->ops->tries_again && !TAILQ_EMPTY(&q->waiting));
}

/* Takes the kicks; while the queue takes a turn it need not be kicked. */
static void begin(struct queue *q)
{
	channel_take_kicks(q);
	if (q->rings.daemon->kick)
		ring_store(&q->rings.daemon->kick, 0);
}

static void again_in(struct queue *q, uint64_t ns)
{
	schedule_stop(&q->schedule);
	schedule_by(&q->schedule, clock_ns() + ns);
}

/*
 * The last turn. Nothing in it waits for the client, nor for completions, for which there may be
 * neither room nor memory: operations are cancelled, what they wrote before is the client's, and
 * the flows go. Rules go before what the client holds returns to the hardware, which could fill it
 * anew. The turn is taken again until the kernel and the broker have done their part.
 */
static void last_turn(struct queue *q)
{
	struct flow *f;
	returns_take_head(q);
	TAILQ_FOREACH (f, &q->flows, link)
		flow_stop(f);
	if (!uring_stop(&q->ring))
		return again_in(q, SCHEDULE_LOOK_FIRST_NS);
	reap(q);
	scan(q);
	gather_stop(q); /* rules may take long to go, and sockets are the client's by then */
	channel_flush(q);
	TAILQ_FOREACH (f, &q->flows, link)
		steer_stop(f);
	flow_steered(q);
	if (!steer_is_over(q, clock_ns()))
		return again_in(q, SCHEDULE_LOOK_MAX_NS);
	const struct backend_ops *ops = q->backend->ops;
	bool torn = ops->end && ops->end(q->backend);
	while ((f = TAILQ_FIRST(&q->flows)))
		flow_drop(f, torn);
	if (q->lost.error)
		channel_lost(q);
	schedule_stop(&q->schedule);
	life_step(q, LIFE_QUIET);
}

/*
 * When there is nothing left to do the queue rests. A turn without data gives back what a batch was
 * waited for, so one has to follow a turn with data.
 */
static void rest(struct queue *q, const struct turn *t, uint64_t now)
{
	struct schedule *s = &q->schedule;
	bool asks = t->refused || q->kicked || (waits_for_client(q) && returns_any(q));
	schedule_rest(s);
	gather_stop(q);
	if (t->data && q->backend->ops->private_ring)
		return schedule_now(s);
	if (asks)
		schedule_ask(s, now);
	if (!s->active && !settle(q))
		schedule_now(s);
	if (!s->active && ask_for_kick(q))
		schedule_ask(s, now);
	if (!s->active && is_owed(q))
		schedule_look(s, now);
}

static void end(struct queue *q, const struct turn *t)
{
	struct schedule *s = &q->schedule;
	uint64_t now = clock_ns();
	struct schedule_turn turn = {.brought = {.began_ns = t->began_ns,
						 .now_ns = now,
						 .bytes = t->bytes,
						 .completions = t->data},
				     .found = t->found};
	if (schedule_count(s, &turn))
		count_add(&q->rings.daemon->in_vain, 1);
	if (queue_is_closing(q) || io_uring_sq_ready(&q->ring.io))
		return;
	if (t->starved || !schedule_gather(s, now))
		return rest(q, t, now);
	schedule_until(s, gather_begin(q, now));
}

/*
 * A client that has completions to read may sleep because the refill ring has no room for their
 * refills. It kicks once for that, and the refills may be taken at any time, also before the turn
 * that it kicked for. So each turn looks whether any were taken since the last one.
 */
static bool room_came(struct queue *q)
{
	uint32_t refilled = rings_refill_head(&q->rings);
	bool came = refilled != q->refilled;
	q->refilled = refilled;
	return came && (int32_t)(q->scanned - ring_load(&q->rings.client->cq_head)) > 0;
}

/*
 * Ends of receives fill the ring as well, and only the client can make room. Its dead flows stay
 * until it has read their completions.
 */
static bool is_news(struct queue *q, const struct turn *t)
{
	bool room = room_came(q);
	return t->data || room || crowded(q) || !TAILQ_EMPTY(&q->dead);
}

void queue_turn(struct queue *q)
{
	if (queue_is_closing(q))
		return last_turn(q);
	struct turn t = {.began_ns = clock_ns()};
	uint32_t before = position(q);
	uint64_t bytes = count_get(&q->rings.daemon->bytes);
	schedule_begin(&q->schedule, t.began_ns);
	begin(q);
	gather_turn(q, t.began_ns);
	nudge(q, t.began_ns);
	enter(q);
	reap(q);
	t.data = scan(q);
	t.bytes = count_get(&q->rings.daemon->bytes) - bytes;
	t.refused = returns_take_refills(q);
	returns_take_head(q);
	bury(q);
	if (q->listeners_wait && TAILQ_EMPTY(&q->news))
		listener_go_on(q);
	t.starved = arm_waiting(q);
	if (t.starved && !q->rings.daemon->starved)
		count_add(&q->rings.daemon->starvations, 1);
	ring_store(&q->rings.daemon->starved, t.starved);
	if (is_news(q, &t))
		channel_wake(q);
	t.found = position(q) != before;
	end(q, &t);
	report_count(&q->report->counters, q->rings.daemon);
}
