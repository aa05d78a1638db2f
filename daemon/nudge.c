/* SPDX-License-Identifier: MIT */
#include "nudge.h"

#include "flows.h"
#include "socket.h"
#include "util.h"

#define LATER_NS 10000000u

/* Each takes three system calls; a queue can have thousands. */
#define NUDGES_A_TURN 32
#define NEXT_NS       1000000u

void nudge_note(struct flow *f)
{
	struct queue *q = f->queue;
	if (f->state != FLOW_ARMED || f->waits_on)
		return;
	if (TAILQ_EMPTY(&q->fresh))
		q->nudge_ns = clock_ns() + LATER_NS;
	flows_wait_on(f, &q->fresh);
}

void nudge(struct queue *q, uint64_t now_ns)
{
	struct flow *f;
	if (!q->nudge_ns || q->nudge_ns > now_ns)
		return;
	for (int i = 0; i < NUDGES_A_TURN && (f = TAILQ_FIRST(&q->fresh)); i++) {
		flows_forget(f);
		if (f->state == FLOW_ARMED)
			socket_nudge(f->sock);
	}
	q->nudge_ns = TAILQ_EMPTY(&q->fresh) ? 0 : now_ns + NEXT_NS;
}
