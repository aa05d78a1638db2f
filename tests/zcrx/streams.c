/* SPDX-License-Identifier: MIT */
/*
 * The streams of a receiver, and that each of them is what it should be: every byte, from the first
 * to the last, in its place. What is wrong ends the program.
 */
#include "tests/zcrx/streams.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "tests/harness/harness.h"
#include "tests/kernel/die.h"

enum {
	HELD_MAX = 65536,
	QUIET_MS = 500
};

static struct held {
	struct zcrx_completion c;
	uint64_t pos; /* in the stream */
} held[HELD_MAX];

struct stream *streams_add(struct streams *x, struct zcrx_flow *f)
{
	if (x->opened == x->flows)
		die("more connections than wanted");
	struct stream *s = &x->streams[x->opened++];
	*s = (struct stream){.flow = f, .seed = x->seed};
	return s;
}

void streams_seed(const struct streams *x, struct stream *s)
{
	struct sockaddr_storage from = {0};
	socklen_t len = sizeof(from);
	if (!x->open_ended)
		return;
	int r = zcrx_flow_remote(s->flow, (struct sockaddr *)&from, &len);
	if (r < 0)
		die("whose stream is this? %s", strerror(-r));
	s->seed += many_port(&from);
}

static void opened(struct streams *x, struct zcrx_flow *f)
{
	struct stream *s = streams_add(x, f);
	zcrx_flow_set_user(f, s);
	streams_seed(x, s);
}

static void note_time(struct streams *x)
{
	uint64_t now = clock_ns(), gap = x->last_ns ? now - x->last_ns : 0;
	x->first_ns = x->first_ns ? x->first_ns : now;
	x->stall_ns = gap > x->stall_ns ? gap : x->stall_ns;
	x->last_ns = now;
}

static void take(struct streams *x, const char *data, const struct zcrx_completion *c)
{
	struct stream *s = c->user;
	switch ((enum zcrx_what)c->what) {
	case ZCRX_OPEN:
		opened(x, c->flow);
		break;
	case ZCRX_DATA:
		note_time(x);
		if (!harness_pattern_is(data, s->seed, s->pos, c->len))
			die("wrong data in the %u bytes from byte %ju of a stream on", c->len,
			    (uintmax_t)s->pos);
		s->pos += c->len;
		x->off_most = c->off > x->off_most ? c->off : x->off_most;
		break;
	case ZCRX_END:
		if (c->error || (!x->open_ended && s->pos != x->bytes))
			die("a stream ended after %ju bytes: %s", (uintmax_t)s->pos,
			    strerror(-c->error));
		x->ended++;
		break;
	case ZCRX_LOST:
		die("the queue is lost: %s", strerror(-c->error));
	}
}

static uint64_t hold_some(struct streams *x, struct zcrx_queue *q, unsigned *n_held)
{
	struct zcrx_completion c[64];
	int n = zcrx_reap(q, c, 64);
	for (int i = 0; i < n; i++) {
		const struct stream *s = c[i].user;
		if (c[i].what == ZCRX_DATA && *n_held == HELD_MAX)
			die("more to hold than was thought");
		if (c[i].what == ZCRX_DATA)
			held[(*n_held)++] = (struct held){c[i], s->pos};
		take(x, zcrx_data(q, &c[i]), &c[i]);
	}
	return (uint64_t)n;
}

static void must_wait(const struct streams *x, struct zcrx_queue *q)
{
	if (zcrx_wait(q, PATIENCE_MS) <= 0)
		die("nothing came for %d s; %u of %u streams have ended", PATIENCE_MS / 1000,
		    x->ended, x->opened);
}

void streams_stint(struct streams *x, struct zcrx_queue *q, struct zcrx_area *a)
{
	unsigned n_held = 0;
	zcrx_area_sync(a, 1);
	while (x->ended < x->flows) {
		unsigned had = n_held;
		if (hold_some(x, q, &n_held) > 0)
			continue;
		if (had > 0)
			zcrx_recycle(q, &held[--n_held].c, 1);
		must_wait(x, q);
	}
	zcrx_area_sync(a, 0);
}

unsigned streams_hold(struct streams *x, struct zcrx_queue *q, struct zcrx_area *a)
{
	unsigned n_held = 0;
	zcrx_area_sync(a, 1);
	for (int ms = PATIENCE_MS; zcrx_wait(q, ms) > 0;)
		while (hold_some(x, q, &n_held) > 0)
			ms = n_held > 0 ? QUIET_MS : PATIENCE_MS;
	zcrx_area_sync(a, 0);
	if (n_held == 0)
		die("nothing came");
	return n_held;
}

static void abort_all(struct streams *x)
{
	for (unsigned i = 0; i < x->opened; i++) {
		zcrx_flow_close(x->streams[i].flow, ZCRX_CLOSE_ABORT);
		x->streams[i].flow = NULL;
	}
}

void streams_drop(struct streams *x, struct zcrx_queue *q, struct zcrx_area *a)
{
	unsigned n_held = streams_hold(x, q, a);
	abort_all(x);
	puts("dropped");
	fflush(stdout);
	getchar();
	zcrx_area_sync(a, 1);
	for (unsigned i = 0; i < n_held; i++)
		if (!harness_pattern_is(zcrx_data(q, &held[i].c), x->seed, held[i].pos,
					held[i].c.len))
			die("what was held has changed");
	zcrx_area_sync(a, 0);
	for (unsigned i = 0; i < n_held; i++)
		zcrx_recycle(q, &held[i].c, 1);
}

void streams_receive(struct streams *x, struct zcrx_queue *q, struct zcrx_area *a)
{
	struct zcrx_completion c[64];
	while (x->ended < x->flows) {
		int n = zcrx_reap(q, c, 64);
		zcrx_area_sync(a, 1);
		for (int i = 0; i < n; i++)
			take(x, zcrx_data(q, &c[i]), &c[i]);
		zcrx_area_sync(a, 0);
		zcrx_recycle(q, c, n);
		if (n == 0)
			must_wait(x, q);
	}
}
