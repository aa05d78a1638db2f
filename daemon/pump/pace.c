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

static void measure(struct pace *p, const struct pace_turn *t)
{
	uint64_t elapsed = t->now_ns - p->window.since_ns;
	p->window.bytes += t->bytes;
	p->window.completions += t->completions;
	p->window.turns++;
	p->window.busy_ns += t->now_ns - t->began_ns;
	if (elapsed < WINDOW_NS)
		return;
	uint64_t batch =
		2ull * p->goal * elapsed / (p->window.completions ? p->window.completions : 1);
	uint64_t turns = TURNS * p->window.busy_ns / p->window.turns;
	uint64_t us = least(p->most_us, least(batch, turns) / 1000);
	p->worth_us = p->window.bytes * us / (elapsed / 1000) < WORTH_BYTES ? 0 : (uint32_t)us;
	p->window = (typeof(p->window)){.since_ns = t->now_ns};
}

static void disappointed(struct pace *p, uint64_t now_ns)
{
	p->distrusted_until_ns = now_ns + p->distrust_ns;
	if (p->distrust_ns < DISTRUST_MAX_NS)
		p->distrust_ns *= 2;
	p->wait_us = 0;
}

uint32_t pace_next(struct pace *p, const struct pace_turn *t)
{
	measure(p, t);
	if (!p->goal || !p->worth_us) {
		p->wait_us = 0;
	} else if (p->wait_us && t->ran_out && t->bytes < LITTLE_BYTES) {
		disappointed(p, t->now_ns);
	} else if (t->now_ns >= p->distrusted_until_ns && t->completions < p->goal) {
		p->wait_us = p->worth_us;
	} else if (p->wait_us) {
		p->wait_us = (uint32_t)least(p->wait_us, p->worth_us);
		p->distrust_ns = DISTRUST_FIRST_NS;
	}
	return p->wait_us;
}
