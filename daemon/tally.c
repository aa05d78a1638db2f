/* SPDX-License-Identifier: MIT */
#include "tally.h"

#include "flows.h"
#include "util.h"

/* What the kernel copied without saying of which flow, since it was last asked. */
static uint64_t untold(struct queue *q, uint64_t most)
{
	uint64_t all = q->backend->copied ? q->backend->copied(q->buffers) : 0;
	uint64_t more = all > q->untold ? all - q->untold : 0;
	more = more < most ? more : most;
	q->untold = all < q->untold ? all : q->untold + more; /* the client can write it, too */
	return more;
}

static struct flow *flow_at(const struct queue *q, uint32_t at, uint32_t *ret_bytes)
{
	const struct io_uring_cqe *cqe = rings_cqe(&q->rings, at);
	*ret_bytes = cqe->res > 0 ? (uint32_t)cqe->res : 0;
	return cqe->res > 0 ? flow_find(q->client, (uint32_t)cqe->user_data) : NULL;
}

/*
 * Flows that are not steered are copied whole. Of what is left each other flow's part is that of
 * its bytes in the batch: exact when they all are of one.
 */
static void share_out(struct queue *q, const struct tally *t, uint64_t copied)
{
	uint32_t bytes;
	uint64_t others = 0;
	struct flow *f;
	for (uint32_t at = t->from; at != t->to; at++) {
		f = flow_at(q, at, &bytes);
		if (!f || !f->why_copied || bytes > copied) {
			others += bytes;
			continue;
		}
		count_add(&f->bytes_copied, bytes);
		copied -= bytes;
	}
	for (uint32_t at = t->from; copied > 0 && others > 0 && at != t->to; at++) {
		f = flow_at(q, at, &bytes);
		if (f && !f->why_copied)
			count_add(&f->bytes_copied, copied * bytes / others);
	}
}

void tally_count(struct queue *q, struct tally *t)
{
	struct ring_daemon *d = q->rings.daemon;
	uint64_t more = untold(q, t->bytes - t->copied);
	if (more)
		share_out(q, t, more);
	count_add(&d->completions, t->data);
	count_add(&d->bytes, t->bytes);
	count_add(&d->bytes_copied, t->copied + more);
	*t = (struct tally){.from = t->to, .to = t->to};
}
