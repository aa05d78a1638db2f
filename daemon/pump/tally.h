/* SPDX-License-Identifier: MIT */
/*
 * How much was received, and how much of that was copied, for a queue and for each of its flows.
 * Most completions say whether they were copied. What the kernel counts for the queue as a whole is
 * shared out among the flows.
 */
#ifndef ZCRXD_TALLY_H
#define ZCRXD_TALLY_H

#include "daemon/pump/model.h"

struct tally {
	uint32_t data; /* completions with data */
	uint32_t ends; /* completions after which a receive, or another operation, is over */
};

/* Data, and more will come of the same receive. */
static inline bool tally_is_plain(const struct io_uring_cqe *cqe)
{
	return cqe->res > 0 && cqe->flags & IORING_CQE_F_MORE;
}

#define TALLY_NOT_YET UINT64_MAX

/*
 * Begins anew to find out whether the flow's bytes are all copied. The next before_rules bytes are
 * not judged, since they came before the rules stood. TALLY_NOT_YET: the rules do not stand yet, so
 * nothing is judged.
 */
void tally_judge(struct flow *f, uint64_t before_rules);

/* Counts the completions from q->scanned to tail. */
struct tally tally(struct queue *q, uint32_t tail);

#endif
