/* SPDX-License-Identifier: MIT */
#include "tally.h"

#include "flows.h"
#include "nudge.h"
#include "util.h"

struct sums {
	uint32_t data; /* completions with data */
	uint64_t bytes;
	uint64_t copied; /* of these, for certain */
};

/* It is told by the completion, or nothing else could have happened to the flow's data. */
static bool is_copied(const struct queue *q, const struct io_uring_cqe *cqe, const struct flow *f)
{
	if (q->side)
		return cqe->flags & IORING_CQE_F_BUFFER;
	return q->backend->copies || (f && f->why_copied);
}

static struct sums count(struct queue *q, uint32_t tail)
{
	struct sums s = {0};
	struct flow *f = NULL;
	for (uint32_t at = q->scanned; at != tail; at++) {
		const struct io_uring_cqe *cqe = rings_cqe(&q->rings, at);
		if (cqe->res <= 0)
			continue;
		if (!f || f->id != (uint32_t)cqe->user_data)
			f = flow_find(q->client, (uint32_t)cqe->user_data);
		uint64_t copied = is_copied(q, cqe, f) ? (uint64_t)cqe->res : 0;
		s.data++;
		s.bytes += (uint64_t)cqe->res;
		s.copied += copied;
		if (!f)
			continue;
		count_add(&f->bytes, (uint64_t)cqe->res);
		count_add(&f->bytes_copied, copied);
		f->stuck = 0;
		nudge_note(f);
	}
	return s;
}

/* What the kernel copied without saying of which flow, since it was last asked. */
static uint64_t untold(struct queue *q)
{
	uint64_t all = q->backend->copied ? q->backend->copied(q->buffers) : 0;
	uint64_t more = all > q->untold ? all - q->untold : 0; /* the client can write it, too */
	q->untold = all;
	return more;
}

/* Each other flow's part is that of its bytes: exact when they all are of one. */
static void share_out(struct queue *q, uint32_t tail, uint64_t bytes, uint64_t copied)
{
	for (uint32_t at = q->scanned; at != tail; at++) {
		const struct io_uring_cqe *cqe = rings_cqe(&q->rings, at);
		struct flow *f =
			cqe->res > 0 ? flow_find(q->client, (uint32_t)cqe->user_data) : NULL;
		if (f && !is_copied(q, cqe, f))
			count_add(&f->bytes_copied, copied * (uint64_t)cqe->res / bytes);
	}
}

uint32_t tally(struct queue *q, uint32_t tail)
{
	struct ring_daemon *d = q->rings.daemon;
	struct sums s = count(q, tail);
	uint64_t others = s.bytes - s.copied, more = untold(q);
	more = more > s.copied ? more - s.copied : 0;
	more = more < others ? more : others;
	if (more > 0)
		share_out(q, tail, others, more);
	count_add(&d->completions, s.data);
	count_add(&d->bytes, s.bytes);
	count_add(&d->bytes_copied, s.copied + more);
	return s.data;
}
