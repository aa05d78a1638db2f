/* SPDX-License-Identifier: MIT */
#include "daemon/backend/giveback.h"

#include <sys/socket.h>

#include "base/container.h"
#include "base/counter.h"
#include "proto/ring.h"

/*
 * When tokens go back: bursts stall NICs (they refill their queues from this, under a lock), single
 * ones cost a call each. So once there are some, or nothing else happens; and while the NIC is
 * short of buffers, all of them. bench/vm --pacing compares other numbers.
 */
#ifndef PACING              /* that measurement's own */
#define BATCH          64u  /* tokens due that are worth a call */
#define TURN_MOST      256u /* given back in a turn */
#define LOW_WATER_PART 4u   /* of the niovs: if fewer are free the NIC is short */
#endif

#define CALL (1ull << 33) /* user_data of a call: this and its index */

static struct giveback_stream *giveback_stream_of(struct tokens_stream *tokens)
{
	return container_of(tokens, struct giveback_stream, tokens);
}

int giveback_init(struct giveback *g, struct uring *ring, struct ring_daemon *counts,
		  uint64_t area_bytes, uint32_t niov_bytes, uint32_t tokens)
{
	*g = (struct giveback){.ring = ring, .counts = counts};
	return tokens_init(&g->tokens, area_bytes, niov_bytes, tokens);
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
	return free < t->niovs / LOW_WATER_PART;
}

static void call_issue(struct giveback *g, struct giveback_call *c)
{
	struct io_uring_sqe *sqe = uring_sqe(g->ring);
	io_uring_prep_cmd_sock(sqe, SOCKET_URING_OP_SETSOCKOPT, c->stream->stream.sock, SOL_SOCKET,
			       SO_DEVMEM_DONTNEED, c->ranges, (int)(c->n * sizeof(c->ranges[0])));
	sqe->user_data = CALL | (uint64_t)(c - g->calls);
}

/* It is made once more then, but not again. */
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
			       (socklen_t)(c->n * sizeof(c->ranges[0])));
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

/* Of all that are due, how many now? */
static uint32_t budget(const struct giveback *g)
{
	uint32_t due = g->tokens.n_due;
	if (giveback_is_short(g))
		return due;
	if (due < BATCH && g->received)
		return 0;
	return due < TURN_MOST ? due : TURN_MOST;
}

/*
 * While the CQ overflows, the completion of a call may lie behind messages that wait for what it
 * frees: then it is made without io_uring.
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
		c->n = tokens_take(&g->tokens, due, left, c->ranges, &c->count);
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
	g->n_paid = 0; /* nobody asks any more */
	tokens_recall(&g->tokens);
	while ((due = TAILQ_FIRST(&g->tokens.due))) {
		struct giveback_call c = {.stream = giveback_stream_of(due)};
		c.n = tokens_take(&g->tokens, due, TOKENS_BATCH_MOST, c.ranges, &c.count);
		c.stream->calls++;
		call_at_once(g, &c);
		g->n_paid = 0;
	}
}
