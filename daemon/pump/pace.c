/* SPDX-License-Identifier: MIT */
#include "daemon/pump/pace.h"

#define WINDOW_NS         1000000ull
#define WORTH_BYTES       32768ull /* a wait that brings less is not worth it */
#define TURNS             4ull     /* then the pump has a fifth of a processor: more saves little */
#define GOAL_MAX          64u
#define GOAL_LEAST        8u /* below it a batch saves nothing worth the wait */
#define FEW               4u
#define DISTRUST_FIRST_NS 10000000ull
#define DISTRUST_MAX_NS   1000000000ull

void pace_init(struct pace *p, uint32_t buffers, uint32_t cq_entries, uint32_t most_us)
{
	uint32_t room = (buffers < cq_entries ? buffers : cq_entries) / 4;
	uint32_t goal = room < GOAL_MAX ? room : GOAL_MAX;
	*p = (struct pace){.goal = goal < GOAL_LEAST ? 0 : goal,
			   .most_us = most_us,
			   .distrust_ns = DISTRUST_FIRST_NS};
}

static uint64_t least(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

static void measure(struct pace *p, uint64_t began_ns, uint64_t now_ns, uint32_t completions,
		    uint64_t bytes)
{
	uint64_t elapsed = now_ns - p->window.since_ns;
	p->window.bytes += bytes;
	p->window.completions += completions;
	p->window.turns++;
	p->window.busy_ns += now_ns - began_ns;
	if (elapsed < WINDOW_NS)
		return;
	uint64_t batch = p->goal * elapsed / (p->window.completions ? p->window.completions : 1);
	uint64_t turns = TURNS * p->window.busy_ns / p->window.turns;
	uint64_t us = least(p->most_us, least(batch, turns) / 1000);
	p->worth_us = p->window.bytes * us / (elapsed / 1000) < WORTH_BYTES ? 0 : (uint32_t)us;
	p->window = (typeof(p->window)){.since_ns = now_ns};
}

static void disappointed(struct pace *p, uint64_t now_ns)
{
	p->distrusted_until_ns = now_ns + p->distrust_ns;
	if (p->distrust_ns < DISTRUST_MAX_NS)
		p->distrust_ns *= 2;
	p->wait_us = 0;
}

uint32_t pace_next(struct pace *p, uint64_t began_ns, uint64_t now_ns, uint32_t completions,
		   uint64_t bytes)
{
	measure(p, began_ns, now_ns, completions, bytes);
	if (!p->goal || !p->worth_us) {
		p->wait_us = 0;
	} else if (p->wait_us && completions < FEW) {
		disappointed(p, now_ns);
	} else if (now_ns >= p->distrusted_until_ns && completions < p->goal) {
		p->wait_us = p->worth_us;
	} else if (p->wait_us) {
		p->wait_us = (uint32_t)least(p->wait_us, p->worth_us);
		p->distrust_ns = DISTRUST_FIRST_NS;
	}
	return p->wait_us;
}
