/* SPDX-License-Identifier: MIT */
#include "daemon/pump/returns.h"

#include "base/counter.h"
#include "daemon/backend/side.h"

/* What a client writes to the ring costs it less than reading it costs us. */
#define REFUSALS_A_TURN 64u

bool returns_take_refills(struct queue *q)
{
	const struct backend_ops *ops = q->backend->ops;
	struct ring_rqe entry;
	uint32_t taken = 0, refused = 0;
	if (q->side && !side_back(q->side, ring_load(&q->rings.client->side_head)))
		count_add(&q->rings.daemon->heads_refused, 1);
	if (!ops->refill)
		return false;
	for (uint32_t i = 0; i <= q->rings.rq_mask && refused < REFUSALS_A_TURN &&
			     rings_refill_next(&q->rings, &entry, &refused);
	     i++) {
		if (entry.pad == 0 && ops->refill(q->backend, entry.off))
			taken++;
		else
			refused++;
	}
	if (taken || refused)
		rings_refill_show(&q->rings);
	if (taken)
		count_add(&q->rings.daemon->refills, taken);
	if (refused)
		count_add(&q->rings.daemon->refills_refused, refused);
	return refused >= REFUSALS_A_TURN;
}

void returns_take_head(struct queue *q)
{
	uint32_t head = ring_load(&q->rings.client->cq_head);
	if (head == q->head)
		return;
	if (head - q->head > q->scanned - q->head) {
		count_add(&q->rings.daemon->heads_refused, 1);
		return;
	}
	q->head = head;
	ring_store(q->rings.cq_head, head);
}

static bool side_pending(const struct queue *q)
{
	return q->side && side_is_back(q->side, ring_load(&q->rings.client->side_head));
}

bool returns_any(const struct queue *q)
{
	uint32_t head = ring_load(&q->rings.client->cq_head);
	bool moved = head != q->head && head - q->head <= q->scanned - q->head;
	return moved || side_pending(q) || rings_refill_pending(&q->rings);
}
