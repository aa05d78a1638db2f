/* SPDX-License-Identifier: MIT */
#include "daemon/pump/nudge.h"

#include "base/clock.h"
#include "daemon/pump/flows.h"
#include "daemon/pump/socket.h"

#define LATER_NS 10000000u

/* A nudge takes three system calls, and a queue can have thousands of flows. */
#define NUDGES_A_TURN 32
#define NEXT_NS       1000000u

void nudge_note(struct flow *f)
{
	struct queue *q = f->queue;
	if (f->state != FLOW_ARMED || f->waits_on)
		return;
	f->noted_ns = clock_ns();
	if (TAILQ_EMPTY(&q->fresh))
		q->schedule.nudge_ns = f->noted_ns + LATER_NS;
	flows_wait_on(f, &q->fresh);
}

/* The first flow that is due, or NULL. The list has the order in which flows were noted. */
static struct flow *due(const struct queue *q, uint64_t now_ns)
{
	struct flow *f = TAILQ_FIRST(&q->fresh);
	return f && f->noted_ns + LATER_NS <= now_ns ? f : NULL;
}

void nudge(struct queue *q, uint64_t now_ns)
{
	struct flow *f;
	if (!q->schedule.nudge_ns || q->schedule.nudge_ns > now_ns)
		return;
	for (int i = 0; i < NUDGES_A_TURN && (f = due(q, now_ns)); i++) {
		flows_forget(f);
		if (f->state == FLOW_ARMED)
			socket_nudge(f->sock);
	}
	f = TAILQ_FIRST(&q->fresh);
	q->schedule.nudge_ns = !f ? 0 : due(q, now_ns) ? now_ns + NEXT_NS : f->noted_ns + LATER_NS;
}
