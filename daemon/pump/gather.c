/* SPDX-License-Identifier: MIT */
#include "daemon/pump/gather.h"

#include "daemon/pump/socket.h"

/* Much is a quarter of what the flows of the last turn brought on average, but within these. */
#define MUCH_BYTES_LEAST 4096u
#define MUCH_BYTES_MOST  32768u
#define THIN_TURNS       2u     /* who brings less so often in a row is hushed no more, */
#define SILENT_TURNS     64u    /* nor is who brings nothing in so many */
#define MARK_BYTES_LEAST 16384u /* a smaller batch is not worth the calls that set the mark */
#define LOOK_TURNS       4u     /* so many turns later the leader's window is looked at again */

static uint64_t least(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

void gather_init(struct queue *q)
{
	q->gather = (struct gather){.much_bytes = MUCH_BYTES_MOST};
	TAILQ_INIT(&q->gather.hushed);
}

static void set_hushed(struct flow *f, bool on)
{
	if (f->watched == FLOW_WAIT_DATA)
		loop_rewatch(&f->queue->loop, f->sock, on ? EPOLLET : GATHER_EVENTS, &f->source);
}

static void depose(struct gather *g)
{
	struct flow *f = g->leader;
	if (!f)
		return;
	g->leader = NULL;
	socket_set_mark(f->sock, 1);
	set_hushed(f, f->hushed);
}

void gather_turn(struct queue *q, uint64_t now_ns)
{
	struct gather *g = &q->gather;
	if (g->leader && !g->rang && now_ns >= g->until_ns)
		depose(g);
	if (g->flows > 0)
		g->much_bytes = least(g->bytes / g->flows / 4, MUCH_BYTES_MOST);
	if (g->much_bytes < MUCH_BYTES_LEAST)
		g->much_bytes = MUCH_BYTES_LEAST;
	g->turn++;
	g->flows = 0;
	g->bytes = 0;
	g->most = NULL;
}

static void hush(struct gather *g, struct flow *f)
{
	if (f->hushed)
		TAILQ_REMOVE(&g->hushed, f, hush);
	else if (f != g->leader)
		set_hushed(f, true);
	f->hushed = true;
	TAILQ_INSERT_TAIL(&g->hushed, f, hush);
}

static void unhush(struct gather *g, struct flow *f)
{
	TAILQ_REMOVE(&g->hushed, f, hush);
	f->hushed = false;
	if (f != g->leader)
		set_hushed(f, false);
}

/* The flow brings something in this turn: what it brought last is all that it brought then. */
static void begins(struct gather *g, struct flow *f)
{
	f->thin_turns = f->much_turn == f->brought_turn ? 0 : f->thin_turns + 1;
	if (f->hushed && f->thin_turns >= THIN_TURNS)
		unhush(g, f);
	f->brought_turn = g->turn;
	f->brought_bytes = 0;
	g->flows++;
}

void gather_note(struct flow *f, uint64_t bytes)
{
	struct queue *q = f->queue;
	struct gather *g = &q->gather;
	if (f->brought_turn != g->turn)
		begins(g, f);
	f->brought_bytes += bytes;
	g->bytes += bytes;
	if (!g->most || f->brought_bytes > g->most->brought_bytes)
		g->most = f;
	if (f->brought_bytes < g->much_bytes || f->much_turn == g->turn)
		return;
	f->much_turn = g->turn;
	if (q->schedule.pace.wait_us)
		hush(g, f);
}

/* Its mark holds for many turns, as long as it brings about as much as others. */
static bool leads_still(const struct gather *g)
{
	const struct flow *f = g->leader;
	return f && g->turn % LOOK_TURNS != 0 &&
	       (f->brought_turn != g->turn || f->brought_bytes >= g->most->brought_bytes / 2);
}

static void appoint(struct gather *g, struct flow *f, uint32_t mark)
{
	if (f != g->leader) {
		depose(g);
		set_hushed(f, false);
	} else if (mark > g->mark_bytes / 4 * 3 && mark < g->mark_bytes / 4 * 5) {
		return;
	}
	g->leader = f;
	g->mark_bytes = mark;
	socket_set_mark(f->sock, mark);
}

/*
 * The leader is who brought most. If time ended the wait, its mark was too high for its rate or for
 * what its peer sends before it waits: then half of what came is enough.
 */
static void choose(struct queue *q)
{
	struct gather *g = &q->gather;
	struct flow *f = g->most;
	uint64_t goal_bytes = (uint64_t)q->schedule.pace.goal * q->buffer_bytes;
	uint64_t mark = goal_bytes * f->brought_bytes / g->bytes;
	if (q->schedule.ran_out)
		mark = least(mark, f->brought_bytes / 2);
	mark = least(mark, socket_window(f->sock) / 2);
	if (mark < MARK_BYTES_LEAST)
		depose(g);
	else
		appoint(g, f, (uint32_t)mark);
}

uint64_t gather_begin(struct queue *q, uint64_t now_ns)
{
	struct gather *g = &q->gather;
	const struct flow *before = g->leader;
	struct flow *f;
	while ((f = TAILQ_FIRST(&g->hushed)) && g->turn - f->much_turn > SILENT_TURNS)
		unhush(g, f);
	if (g->most && g->most->hushed && !leads_still(g))
		choose(q);
	if (g->rang || g->leader != before || !g->leader)
		g->until_ns = now_ns + q->schedule.pace.wait_us * 1000ull;
	g->rang = false;
	return g->until_ns;
}

void gather_stop(struct queue *q)
{
	struct gather *g = &q->gather;
	struct flow *f;
	depose(g);
	while ((f = TAILQ_FIRST(&g->hushed)))
		unhush(g, f);
}

void gather_forget(struct flow *f)
{
	struct gather *g = &f->queue->gather;
	if (f->hushed)
		TAILQ_REMOVE(&g->hushed, f, hush);
	f->hushed = false;
	if (g->leader == f) {
		g->leader = NULL;
		socket_set_mark(f->sock, 1);
	}
	if (g->most == f)
		g->most = NULL;
}
