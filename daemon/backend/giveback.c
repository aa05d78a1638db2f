/* SPDX-License-Identifier: MIT */
#include "daemon/backend/giveback.h"

#include <sys/socket.h>

#include "base/container.h"
#include "base/counter.h"
#include "proto/ring.h"

#define CALL (1ull << 33) /* user_data of a call: this bit and its index */

const struct giveback_tuning giveback_tuning = {
	.batch = 64,
	.turn_max = 256,
	.low_water_part = 4,
};

static struct giveback_stream *giveback_stream_of(struct tokens_stream *tokens)
{
	return container_of(tokens, struct giveback_stream, tokens);
}

int giveback_init(struct giveback *g, const struct giveback_setup *setup,
		  const struct giveback_tuning *tuning)
{
	*g = (struct giveback){.ring = setup->ring, .counts = setup->counts, .tuning = *tuning};
	int r = tokens_init(&g->tokens, setup->area_bytes, setup->niov_bytes, setup->tokens_max);
	g->low_water = g->tokens.niovs / tuning->low_water_part;
	return r;
}

void giveback_done(struct giveback *g)
{
	tokens_done(&g->tokens);
}

bool giveback_is_settled(const struct giveback_stream *s)
{
	return s->tokens.lent == 0 && s->tokens.n_due == 0 && s->calls == 0;
}

uint32_t giveback_next(struct giveback *g)
{
	return g->n_paid > 0 ? g->paid[--g->n_paid] : 0;
}

bool giveback_is_short(const struct giveback *g)
{
	const struct tokens *t = &g->tokens;
	uint32_t free = t->n_out < t->niovs ? t->niovs - t->n_out : 0;
	return free < g->low_water;
}

static void call_issue(struct giveback *g, struct giveback_call *c)
{
	struct io_uring_sqe *sqe = uring_sqe(g->ring);
	io_uring_prep_cmd_sock(sqe, SOCKET_URING_OP_SETSOCKOPT, c->stream->stream.sock, SOL_SOCKET,
			       SO_DEVMEM_DONTNEED, c->ranges,
			       (int)(c->n_ranges * sizeof(c->ranges[0])));
	sqe->user_data = CALL | (uint64_t)(c - g->calls);
}

/*
 * Counts what the kernel took. Returns true if it took too little and the call is to be made again,
 * which happens once for each call.
 */
static bool falls_short(struct giveback_call *c, int res)
{
	bool again = c->again;
	c->returned += res > 0 ? (uint32_t)res : 0;
	c->again = true;
	return c->returned < c->count && !again;
}

static void call_end(struct giveback *g, struct giveback_call *c)
{
	count_add(&g->counts->returned, c->returned);
	count_add(&g->counts->missed, c->count - c->returned);
	c->stream->calls--;
	g->paid[g->n_paid++] = c->stream->stream.id;
	c->stream = NULL;
}

static void call_at_once(struct giveback *g, struct giveback_call *c)
{
	int r;
	do {
		r = setsockopt(c->stream->stream.sock, SOL_SOCKET, SO_DEVMEM_DONTNEED, c->ranges,
			       (socklen_t)(c->n_ranges * sizeof(c->ranges[0])));
	} while (falls_short(c, r));
	call_end(g, c);
}

static void call_done(struct giveback *g, struct giveback_call *c, int res)
{
	if (!c->stream)
		return;
	if (!falls_short(c, res))
		call_end(g, c);
	else
		(g->ending ? call_at_once : call_issue)(g, c);
}

static struct giveback_call *call_free(struct giveback *g)
{
	for (uint32_t i = 0; i < GIVEBACK_CALLS; i++)
		if (!g->calls[i].stream)
			return &g->calls[i];
	return NULL;
}

/* How many of the tokens that are due go back in this turn? */
static uint32_t budget(const struct giveback *g)
{
	uint32_t due = g->tokens.n_due;
	if (giveback_is_short(g))
		return due;
	if (due < g->tuning.batch && g->received)
		return 0;
	return due < g->tuning.turn_max ? due : g->tuning.turn_max;
}

/*
 * While the CQ overflows, the completion of a call may lie behind messages that wait for what the
 * call frees: then the call is made without io_uring.
 */
void giveback_turn(struct giveback *g)
{
	bool at_once = uring_overflown(g->ring);
	struct giveback_call alone, *c;
	struct tokens_stream *due;
	uint32_t left = budget(g);
	g->received = false;
	while (left > 0 && g->n_paid < GIVEBACK_CALLS && (due = TAILQ_FIRST(&g->tokens.due)) &&
	       (c = at_once ? &alone : call_free(g))) {
		*c = (struct giveback_call){.stream = giveback_stream_of(due)};
		c->n_ranges = tokens_take(&g->tokens, due, left, c->ranges, &c->count);
		left -= c->count;
		c->stream->calls++;
		(at_once ? call_at_once : call_issue)(g, c);
	}
}

bool giveback_is_ours(const struct io_uring_cqe *cqe)
{
	return cqe->user_data & CALL;
}

bool giveback_reap(struct giveback *g)
{
	bool any = false;
	const struct io_uring_cq *cq = &g->ring->io.cq;
	uint32_t tail = ring_load(cq->ktail);
	if ((int32_t)(g->looked - *cq->khead) < 0)
		g->looked = *cq->khead;
	for (; g->looked != tail; g->looked++) {
		const struct io_uring_cqe *cqe = &cq->cqes[g->looked & cq->ring_mask];
		if (!giveback_is_ours(cqe))
			continue;
		call_done(g, &g->calls[cqe->user_data & ~CALL], cqe->res);
		any = true;
	}
	return any || g->n_paid > 0;
}

void giveback_all(struct giveback *g)
{
	struct tokens_stream *due;
	g->ending = true;
	g->n_paid = 0; /* nobody calls giveback_next() any more */
	tokens_recall(&g->tokens);
	while ((due = TAILQ_FIRST(&g->tokens.due))) {
		struct giveback_call c = {.stream = giveback_stream_of(due)};
		c.n_ranges = tokens_take(&g->tokens, due, TOKENS_BATCH_MAX, c.ranges, &c.count);
		c.stream->calls++;
		call_at_once(g, &c);
		g->n_paid = 0;
	}
}
