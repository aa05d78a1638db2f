/* SPDX-License-Identifier: MIT */
#include "pace.h"

#define WINDOW_NS         1000000ull
#define DENSE             256ull /* bytes a microsecond */
#define GOAL_MOST         64u
#define GOAL_LEAST        8u /* below it a batch saves nothing worth the wait */
#define FEW               4u
#define WAIT_US           (PACE_WAIT_MOST_NS / 1000) /* longer ones let the receive window fill: measured */
#define DISTRUST_FIRST_NS 10000000ull
#define DISTRUST_MOST_NS  1000000000ull

void pace_init(struct pace *p, uint32_t buffers, uint32_t cq_entries)
{
	uint32_t room = (buffers < cq_entries ? buffers : cq_entries) / 4;
	uint32_t goal = room < GOAL_MOST ? room : GOAL_MOST;
	*p = (struct pace){.goal = goal < GOAL_LEAST ? 0 : goal, .distrust_ns = DISTRUST_FIRST_NS};
}

static void measure(struct pace *p, uint64_t now_ns, uint64_t bytes)
{
	uint64_t elapsed = now_ns - p->window_ns;
	p->window_bytes += bytes;
	if (elapsed < WINDOW_NS)
		return;
	p->dense = p->window_bytes / (elapsed / 1000) >= DENSE;
	p->window_ns = now_ns;
	p->window_bytes = 0;
}

static void disappointed(struct pace *p, uint64_t now_ns)
{
	p->distrusted_until_ns = now_ns + p->distrust_ns;
	if (p->distrust_ns < DISTRUST_MOST_NS)
		p->distrust_ns *= 2;
	p->wait_us = 0;
}

uint32_t pace_next(struct pace *p, uint64_t now_ns, uint32_t completions, uint64_t bytes)
{
	measure(p, now_ns, bytes);
	if (!p->goal || !p->dense) {
		p->wait_us = 0;
	} else if (p->wait_us && completions < FEW) {
		disappointed(p, now_ns);
	} else if (now_ns >= p->distrusted_until_ns && completions < p->goal) {
		p->wait_us = WAIT_US;
	} else if (p->wait_us) {
		p->distrust_ns = DISTRUST_FIRST_NS;
	}
	return p->wait_us;
}
