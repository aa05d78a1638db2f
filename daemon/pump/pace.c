/* SPDX-License-Identifier: MIT */
#include "daemon/pump/pace.h"

#define WINDOW_NS         1000000ull
#define WORTH_BYTES       32768ull /* a wait that brings less is not worth it */
#define TURNS             64ull    /* then the pump has a 64th of a processor: more saves little */
#define GOAL_BYTES        (1u << 20)        /* larger batches save little */
#define GOAL_LEAST        8u                /* below it a batch saves nothing worth the wait */
#define LITTLE_BYTES      (WORTH_BYTES / 2) /* who brings less in a whole wait, waits itself */
#define DISTRUST_FIRST_NS 10000000ull
#define DISTRUST_MAX_NS   1000000000ull
#define SLOW_WINDOWS      2u              /* so many in a row are not by chance */
#define TRY_FREE_EACH_NS  500000000ull    /* so often the pump does not wait ... */
#define TRY_FREE_NS       (2 * WINDOW_NS) /* ... for so long, to see what comes then */

static uint64_t least(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

void pace_init(struct pace *p, const struct pace_limits *limits)
{
	uint64_t room = least(limits->buffers, limits->cq_entries) / 4;
	uint64_t goal = GOAL_BYTES / limits->buffer_bytes;
	goal = least(room, goal < GOAL_LEAST ? GOAL_LEAST : goal);
	*p = (struct pace){.goal = goal < GOAL_LEAST ? 0 : (uint32_t)goal,
			   .most_us = limits->most_us,
			   .distrust_ns = DISTRUST_FIRST_NS};
}

/*
 * A window is over: is what comes less for the waits? Many peers that wait for answers are not
 * seen otherwise.
 */
static void compare(struct pace *p, uint64_t elapsed_ns)
{
	uint64_t rate = p->window.bytes * 1000 / (elapsed_ns / 1000);
	bool waits = p->window.waits > 0 && p->window.waits == p->window.turns;
	p->slow = waits && rate < p->freely / 4 * 3 ? p->slow + 1 : 0;
	if (p->window.waits == 0)
		p->freely = rate;
}

static void measure(struct pace *p, const struct pace_turn *t)
{
	uint64_t elapsed = t->now_ns - p->window.since_ns;
	p->window.waits += p->wait_us > 0;
	p->window.bytes += t->bytes;
	p->window.completions += t->completions;
	p->window.turns++;
	p->window.busy_ns += t->now_ns - t->began_ns;
	if (elapsed < WINDOW_NS)
		return;
	compare(p, elapsed);
	uint64_t batch =
		2ull * p->goal * elapsed / (p->window.completions ? p->window.completions : 1);
	uint64_t turns = TURNS * p->window.busy_ns / p->window.turns;
	uint64_t us = least(p->most_us, least(batch, turns) / 1000);
	p->worth_us = p->window.bytes * us / (elapsed / 1000) < WORTH_BYTES ? 0 : (uint32_t)us;
	p->window = (typeof(p->window)){.since_ns = t->now_ns};
}

static void stop(struct pace *p)
{
	p->wait_us = 0;
	p->try_free_ns = 0;
}

static void disappointed(struct pace *p, uint64_t now_ns)
{
	p->distrusted_until_ns = now_ns + p->distrust_ns;
	if (p->distrust_ns < DISTRUST_MAX_NS)
		p->distrust_ns *= 2;
	p->slow = 0;
	stop(p);
}

uint32_t pace_next(struct pace *p, const struct pace_turn *t)
{
	measure(p, t);
	if (!p->goal || !p->worth_us) {
		stop(p);
	} else if (p->wait_us &&
		   (p->slow >= SLOW_WINDOWS || (t->ran_out && t->bytes < LITTLE_BYTES))) {
		disappointed(p, t->now_ns);
	} else if (p->try_free_ns && t->now_ns >= p->try_free_ns) {
		p->distrusted_until_ns = t->now_ns + TRY_FREE_NS;
		stop(p);
	} else if (t->now_ns >= p->distrusted_until_ns && t->completions < p->goal) {
		p->wait_us = p->worth_us;
		if (!p->try_free_ns)
			p->try_free_ns = t->now_ns + TRY_FREE_EACH_NS;
	} else if (p->wait_us) {
		p->wait_us = (uint32_t)least(p->wait_us, p->worth_us);
		p->distrust_ns = DISTRUST_FIRST_NS;
	}
	return p->wait_us;
}
