/* SPDX-License-Identifier: MIT */
#include "daemon/pump/tally.h"

#include "base/counter.h"
#include "daemon/pump/flows.h"
#include "daemon/pump/gather.h"
#include "daemon/pump/nudge.h"

/* More bytes copied in a row than can be by chance; flows.c has the sentence. */
#define COPIED_WHOLE_BYTES (256u << 10)

struct sums {
	struct tally tally;
	uint64_t bytes;
	uint64_t copied;         /* of these, for certain */
	const struct flow *only; /* the only one whose share of the rest is to be found; or NULL */
	bool several;
};

/* Completions with data in a row, of one flow and in one kind of memory. */
struct run {
	uint64_t user_data;
	bool aside;
	struct flow *flow; /* NULL: it is gone */
	uint64_t bytes;
	uint32_t completions;
};

/* All data of the flow is copied. Where there is a side buffer each completion says it. */
static bool is_copied(const struct queue *q, const struct flow *f)
{
	return q->backend->ops->copies || (f && f->why_copied);
}

/* Bytes of a flow of which it is known whether they were copied. */
static void row_add(struct flow *f, uint64_t bytes, bool copied)
{
	uint64_t before = bytes < f->before_rules ? bytes : f->before_rules;
	if (f->before_rules != TALLY_NOT_YET)
		f->before_rules -= before;
	bytes -= before;
	if (bytes == 0)
		return;
	f->queue->rows |= copied;
	f->copied_row = copied ? f->copied_row + bytes : 0;
	bool whole = f->copied_row >= COPIED_WHOLE_BYTES;
	if (whole != f->copied_whole)
		flows_set_copied_whole(f, whole);
}

void tally_judge(struct flow *f, uint64_t before_rules)
{
	f->before_rules = before_rules;
	f->copied_row = 0;
	if (f->copied_whole)
		flows_set_copied_whole(f, false);
}

/* What zcrx tells of an event can have a result above 0, too, and is no data. */
static bool is_of_flow(uint64_t user_data)
{
	return user_data >> 32 == 0;
}

static void run_end(struct queue *q, const struct run *r, struct sums *s)
{
	struct flow *f = r->flow;
	if (!is_of_flow(r->user_data))
		return;
	bool all = q->side ? r->aside : is_copied(q, f);
	uint64_t copied = all ? r->bytes : 0;
	s->tally.data += r->completions;
	s->bytes += r->bytes;
	s->copied += copied;
	if (!f || r->bytes == 0)
		return;
	if (q->side)
		row_add(f, r->bytes, all);
	else if (!all && f != s->only) {
		s->several = s->only != NULL;
		s->only = f;
	}
	count_add(&f->report->bytes, r->bytes);
	count_add(&f->report->bytes_copied, copied);
	f->stuck = 0;
	gather_note(f, r->bytes);
	nudge_note(f);
}

static struct sums count(struct queue *q, uint32_t tail)
{
	struct sums s = {0};
	struct run r = {0};
	bool has_side = q->side;
	for (uint32_t at = q->scanned; at != tail; at++) {
		const struct io_uring_cqe *cqe = rings_cqe(&q->rings, at);
		s.tally.ends += !tally_is_plain(cqe);
		if (cqe->res <= 0)
			continue;
		bool aside = has_side && cqe->flags & IORING_CQE_F_BUFFER;
		if (cqe->user_data != r.user_data || aside != r.aside) {
			run_end(q, &r, &s);
			r = (struct run){.user_data = cqe->user_data,
					 .aside = aside,
					 .flow = flow_find(q, (uint32_t)cqe->user_data)};
		}
		r.completions++;
		r.bytes += (uint64_t)cqe->res;
	}
	run_end(q, &r, &s);
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
		if (f && !is_copied(q, f))
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
		if (f && !is_copied(q, f))
			count_add(&f->report->bytes_copied, copied * (uint64_t)cqe->res / bytes);
	}
}

struct tally tally(struct queue *q, uint32_t tail)
{
	struct ring_daemon *d = q->rings.daemon;
	struct sums s = count(q, tail);
	uint64_t others = s.bytes - s.copied, more = untold(q);
	more = more > s.copied ? more - s.copied : 0;
	more = more < others ? more : others;
	if (more > 0)
		share_out(q, tail, others, more);
	rows_add(q, tail, &s, others, more);
	count_add(&d->completions, s.tally.data);
	count_add(&d->bytes, s.bytes);
	count_add(&d->bytes_copied, s.copied + more);
	report_count(&q->report->counters, d); /* before the client is told anything */
	return s.tally;
}
