/* SPDX-License-Identifier: MIT */
#include "daemon/pump/tally.h"

#include "base/counter.h"
#include "daemon/pump/flows.h"
#include "daemon/pump/nudge.h"

/* More bytes copied in a row than can be by chance; flows.c has the sentence. */
#define COPIED_WHOLE_BYTES (256u << 10)

struct sums {
	uint32_t data; /* completions with data */
	uint64_t bytes;
	uint64_t copied;         /* of these, for certain */
	const struct flow *only; /* the only one whose share of the rest is to be found; or NULL */
	bool several;
};

/* The completion says that its data was copied, or all data of its flow is. */
static bool is_copied(const struct queue *q, const struct io_uring_cqe *cqe, const struct flow *f)
{
	if (q->side)
		return cqe->flags & IORING_CQE_F_BUFFER;
	return q->backend->ops->copies || (f && f->why_copied);
}

/* Bytes of a flow of which it is known whether they were copied. */
static void row_add(struct flow *f, uint64_t bytes, bool copied)
{
	f->queue->rows |= copied;
	f->copied_row = copied ? f->copied_row + bytes : 0;
	bool whole = f->copied_row >= COPIED_WHOLE_BYTES;
	if (whole != f->copied_whole)
		flows_set_copied_whole(f, whole);
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
			f = flow_find(q, (uint32_t)cqe->user_data);
		uint64_t copied = is_copied(q, cqe, f) ? (uint64_t)cqe->res : 0;
		s.data++;
		s.bytes += (uint64_t)cqe->res;
		s.copied += copied;
		if (!f)
			continue;
		if (q->side)
			row_add(f, (uint64_t)cqe->res, copied > 0);
		else if (copied == 0 && f != s.only) {
			s.several = s.only != NULL;
			s.only = f;
		}
		count_add(&f->report->bytes, (uint64_t)cqe->res);
		count_add(&f->report->bytes_copied, copied);
		f->stuck = 0;
		nudge_note(f);
	}
	return s;
}

/*
 * Of a turn it is certain whether a flow's bytes were copied if all were, or none, or if they are
 * of one flow. What lies beside the headers is copied and not counted.
 */
static void rows_add(struct queue *q, uint32_t tail, const struct sums *s, uint64_t others,
		     uint64_t copied)
{
	bool all = s->several ? copied == others : copied >= others - others / 8;
	if (q->side || q->backend->ops->copies || q->copies_untold || others == 0 ||
	    (copied == 0 && !q->rows) || (s->several && copied > 0 && !all))
		return;
	for (uint32_t at = q->scanned; at != tail; at++) {
		const struct io_uring_cqe *cqe = rings_cqe(&q->rings, at);
		struct flow *f = cqe->res > 0 ? flow_find(q, (uint32_t)cqe->user_data) : NULL;
		if (f && !is_copied(q, cqe, f))
			row_add(f, (uint64_t)cqe->res, all);
	}
}

/* Bytes that the kernel copied since it was last asked, without saying of which flow. */
static uint64_t untold(struct queue *q)
{
	const struct backend_ops *ops = q->backend->ops;
	uint64_t all = ops->copied ? ops->copied(q->backend) : 0;
	uint64_t more =
		all > q->untold ? all - q->untold : 0; /* the client can write the counter, too */
	q->untold = all;
	return more;
}

/* Each flow's share is that of its bytes; the shares are exact if all bytes are of one flow. */
static void share_out(struct queue *q, uint32_t tail, uint64_t bytes, uint64_t copied)
{
	for (uint32_t at = q->scanned; at != tail; at++) {
		const struct io_uring_cqe *cqe = rings_cqe(&q->rings, at);
		struct flow *f = cqe->res > 0 ? flow_find(q, (uint32_t)cqe->user_data) : NULL;
		if (f && !is_copied(q, cqe, f))
			count_add(&f->report->bytes_copied, copied * (uint64_t)cqe->res / bytes);
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
	rows_add(q, tail, &s, others, more);
	count_add(&d->completions, s.data);
	count_add(&d->bytes, s.bytes);
	count_add(&d->bytes_copied, s.copied + more);
	report_count(&q->report->counters, d); /* before the client is told anything */
	return s.data;
}
