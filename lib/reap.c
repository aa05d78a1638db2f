/* SPDX-License-Identifier: MIT */
/*
 * Taking completions and giving buffers back: what runs for each batch of data. It makes no system
 * call unless the daemon waits for something, has announced an event, or there is nothing to do.
 * The order within a flow: ZCRX_OPEN is shown when its event is read, which the daemon sends before
 * the flow's first completion; ZCRX_END is shown when all completions before the flow's end have
 * been taken. ZCRX_LOST is shown when everything before the loss of the queue has been shown.
 */
#include "lib/reap.h"

#include <errno.h>

#include "base/clock.h"
#include "lib/area.h"
#include "lib/channel.h"
#include "lib/queue.h"
#include "lib/zcrx.h"

/*
 * How many more completions with data may be handed out, so that there is room for their refills. A
 * lost queue needs no refills.
 */
static uint32_t room_out(const struct zcrx_queue *q)
{
	if (q->lost)
		return UINT32_MAX;
	uint32_t room = rings_room(&q->rings);
	return room > q->out ? room - q->out : 0;
}

/* The flow that ended first, if all its data has been taken. */
static struct zcrx_flow *ended(const struct zcrx_queue *q)
{
	struct zcrx_flow *f = TAILQ_FIRST(&q->flows.ending);
	return f && (int32_t)(q->rings.head - f->cq_pos) >= 0 ? f : NULL;
}

static bool work_ready(const struct zcrx_queue *q)
{
	return (rings_ready(&q->rings) && room_out(q)) || channel_pending(q) || q->lost ||
	       !TAILQ_EMPTY(&q->flows.opening) || ended(q);
}

static void flow_show(struct zcrx_completion *c, enum zcrx_what what, struct zcrx_flow *f)
{
	*c = (struct zcrx_completion){
		.what = what,
		.error = what == ZCRX_END ? f->error : 0,
		.flow = f,
		.user = f->user,
	};
}

static int opens_take(struct zcrx_queue *q, struct zcrx_completion *c, int max)
{
	struct zcrx_flow *f;
	int n = 0;
	while (n < max && (f = TAILQ_FIRST(&q->flows.opening))) {
		flow_show(&c[n++], ZCRX_OPEN, f);
		flows_advance(&q->flows, f, f->closed ? FLOW_ENDING : FLOW_LIVE);
	}
	return n;
}

static int ends_take(struct zcrx_queue *q, struct zcrx_completion *c, int max)
{
	struct zcrx_flow *f;
	int n = 0;
	while (n < max && (f = ended(q))) {
		flow_show(&c[n++], ZCRX_END, f);
		flows_advance(&q->flows, f, FLOW_ENDED);
	}
	return n;
}

/* What a pass over completions needs to know of the queue. */
struct view {
	const char *cqes;
	uint32_t cq_mask, cqe_bytes;
	bool has_off; /* MSG_FORMAT_ZCRX */
	uint32_t buffer_bytes;
	uint64_t buffers, area_bytes;
};

static inline struct view view_of(const struct zcrx_queue *q)
{
	return (struct view){
		.cqes = q->rings.cqes,
		.cq_mask = q->rings.cq_mask,
		.cqe_bytes = q->rings.cqe_bytes,
		.has_off = q->format == MSG_FORMAT_ZCRX,
		.buffer_bytes = q->buffer_bytes,
		.buffers = q->buffers,
		.area_bytes = q->area->bytes,
	};
}

/* The kernel copied it into the side buffer. */
static bool side_data(const struct side *s, const struct ring_cqe *e, struct zcrx_completion *c)
{
	c->flags = ZCRX_COPIED | ZCRX_SIDE;
	return side_place(s, e->flags >> RING_CQE_BUFFER_SHIFT, e->off, c->len, &c->off) &&
	       side_has_room(s);
}

/*
 * Where the data of a completion lies in the area or in the side buffer, and the flags that say so.
 * Returns false if it is within neither.
 */
static inline bool data_place(const struct view *v, const struct side *side,
			      const struct ring_cqe *e, struct zcrx_completion *c)
{
	c->len = (uint32_t)e->res;
	if (!v->has_off) {
		uint32_t buffer = e->flags >> RING_CQE_BUFFER_SHIFT;
		c->off = (uint64_t)buffer * v->buffer_bytes;
		c->flags = ZCRX_COPIED;
		return (e->flags & RING_CQE_BUFFER) && buffer < v->buffers &&
		       c->len <= v->buffer_bytes;
	}
	if (e->flags & RING_CQE_BUFFER)
		return side_data(side, e, c);
	c->off = e->off & RING_CQE_OFFSET;
	c->flags = 0;
	return c->off < v->area_bytes && c->len <= v->area_bytes - c->off;
}

/* Data that the user is not shown. */
static void data_drop(struct zcrx_queue *q, const struct zcrx_completion *c)
{
	if (c->flags & ZCRX_SIDE) {
		side_out(&q->rings.side, c->off);
		side_back(&q->rings.side, c->off);
	} else if (!q->lost) {
		rings_refill(&q->rings, q->rings.refill++, c->off, c->len);
	}
}

/*
 * Data of this flow is shown; data_place() has filled in the rest. Returns false if nobody is to
 * see it: then it goes back.
 */
static inline bool data_show(struct zcrx_queue *q, struct zcrx_completion *to, struct zcrx_flow *f)
{
	if (!f || f->state == FLOW_ENDED) {
		data_drop(q, to);
		return false;
	}
	if (to->flags & ZCRX_SIDE)
		side_out(&q->rings.side, to->off);
	to->what = ZCRX_DATA;
	to->error = 0;
	to->flow = f;
	to->user = f->user;
	return true;
}

/*
 * Takes data from the CQ. Data of an unknown flow goes straight back if the channel has no event
 * that could announce the flow: then the flow was closed meanwhile. Completions of one flow follow
 * one another, so a flow is looked up when it changes.
 */
static int data_take(struct zcrx_queue *q, struct zcrx_completion *c, int max)
{
	struct rings *r = &q->rings;
	const struct view v = view_of(q);
	uint32_t head = r->head, end = head + rings_ready(r), room = room_out(q);
	struct zcrx_flow *f = NULL;
	int n = 0;
	if (end - head > v.cq_mask + 1) {
		queue_lose(q, -EPROTO);
		return 0;
	}
	for (; head != end && n < max; head++) {
		struct ring_cqe e =
			rings_copy(v.cqes + (size_t)(head & v.cq_mask) * v.cqe_bytes, v.has_off);
		struct zcrx_completion *to = &c[n];
		if (e.res <= 0)
			continue;
		if (room == 0)
			break;
		if (!data_place(&v, &r->side, &e, to)) {
			queue_lose(q, -EPROTO);
			break;
		}
		if (!f || f->id != e.user_data)
			f = flows_find(&q->flows, e.user_data);
		if (!f && channel_pending(q))
			break;
		room--;
		n += data_show(q, to, f);
	}
	r->head = head;
	q->out += (uint32_t)n;
	return n;
}

/*
 * Takes events, openings, data and ends, in the order in which a flow goes through them. Ends that
 * are due come first: data of other flows may fill each batch.
 */
static int take(struct zcrx_queue *q, struct zcrx_completion *c, int max)
{
	if (channel_pending(q))
		channel_read(q);
	int n = opens_take(q, c, max);
	if (n > 0)
		return n; /* the user can set the flows' user pointers before their data is shown */
	n = ends_take(q, c, max);
	n += data_take(q, c + n, max - n);
	n += ends_take(q, c + n, max - n);
	if (rings_publish(&q->rings))
		channel_kick(q);
	return n;
}

/*
 * Kicks the daemon if completions wait because the refill ring is full. With zcrx the kernel takes
 * refills when it needs buffers; the daemon can make it take them.
 */
static void ask_for_room(struct zcrx_queue *q)
{
	if (!rings_ready(&q->rings) || room_out(q) || q->full_at == q->rings.refill)
		return;
	q->full_at = q->rings.refill;
	channel_kick(q);
}

/*
 * Arms the channel. Returns true if there is nothing to do: the channel becomes readable when that
 * changes.
 */
static bool fall_asleep(struct zcrx_queue *q)
{
	ask_for_room(q);
	if (q->look)
		channel_read(q);
	channel_arm(q);
	return !work_ready(q);
}

void reap_sleep_on(struct zcrx_queue *q)
{
	if (!q->armed)
		return;
	channel_arm(q);
	if (work_ready(q))
		channel_ask(q);
}

int zcrx_reap(struct zcrx_queue *q, struct zcrx_completion *c, int max)
{
	if (max <= 0)
		return 0;
	for (;;) {
		int lost = q->lost; /* once the queue is lost, the ring does not change any more */
		int n = take(q, c, max);
		if (n > 0) {
			channel_disarm(q);
			return n;
		}
		if (lost)
			break;
		if (fall_asleep(q))
			return 0;
	}
	c[0] = (struct zcrx_completion){.what = ZCRX_LOST, .error = q->lost};
	return 1;
}

const void *zcrx_data(const struct zcrx_queue *q, const struct zcrx_completion *c)
{
	const char *base = c->flags & ZCRX_SIDE ? q->rings.side.map : q->area->data;
	return base ? base + c->off : NULL;
}

void zcrx_recycle(struct zcrx_queue *q, const struct zcrx_completion *c, int n)
{
	struct rings *r = &q->rings;
	uint32_t refill = r->refill, out = q->out;
	for (int i = 0; i < n && out > 0; i++) {
		if (c[i].what != ZCRX_DATA)
			continue;
		if (c[i].flags & ZCRX_SIDE)
			side_back(&r->side, c[i].off);
		else if (!q->lost)
			rings_refill(r, refill++, c[i].off, c[i].len);
		out--;
	}
	r->refill = refill;
	q->out = out;
	if (rings_publish(r))
		channel_kick(q);
}

/* zcrx_reap() armed the channel, and the daemon has not woken anybody since. */
static bool is_asleep(const struct zcrx_queue *q)
{
	return q->armed && ring_load(&q->rings.client->wake);
}

int zcrx_wait(struct zcrx_queue *q, int ms)
{
	int64_t until = clock_until(ms);
	bool woken = false;
	ask_for_room(q);
	while (!work_ready(q) && ((!woken && is_asleep(q)) || fall_asleep(q))) {
		int r = channel_sleep(q, until);
		if (r <= 0)
			return r;
		woken = true;
	}
	return 1;
}
