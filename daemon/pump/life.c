/* SPDX-License-Identifier: MIT */
#include "daemon/pump/life.h"

#include <assert.h>

static bool is_legal(enum life from, enum life to)
{
	return to == from + 1 || (from == LIFE_QUIET && to == LIFE_GONE);
}

void life_step(struct queue *q, enum life to)
{
	assert(is_legal(q->life, to));
	__atomic_store_n(&q->life, to, __ATOMIC_SEQ_CST);
}

void life_close(struct queue *q)
{
	if (q->life != LIFE_RUNNING)
		return;
	life_step(q, LIFE_CLOSING);
	schedule_now(&q->schedule);
}

void life_lose(struct queue *q, int error, uint32_t reason, const char *text)
{
	if (q->life != LIFE_RUNNING)
		return;
	q->lost = (struct loss){.error = error, .reason = reason, .text = text};
	life_close(q);
}

enum life life_of(const struct queue *q)
{
	return __atomic_load_n(&q->life, __ATOMIC_SEQ_CST);
}
