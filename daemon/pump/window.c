/* SPDX-License-Identifier: MIT */
#include "daemon/pump/window.h"

#include "base/size.h"
#include "daemon/pump/socket.h"

#define BACKLOG_SHARES 16u

/*
 * What waits in sockets lies in the area. If that were all of it, no buffer would be left for a
 * packet that was lost, or to copy to: all sockets together get half of the area. Their number is
 * rounded up, so that the others' shares seldom change. What a listener has, its connections have
 * until they are accepted, however many.
 */
static void limit(struct flow *f)
{
	const struct queue *q = f->queue;
	uint32_t shares = f->listener && q->shares < BACKLOG_SHARES ? BACKLOG_SHARES : q->shares;
	if (!f->limited)
		f->was_limited = socket_is_limited(f->sock);
	f->limited = socket_limit(f->sock, q->area->bytes / 2 / shares, f->limited);
}

void window_share(struct queue *q, struct flow *f)
{
	if (!q->lease || queue_is_closing(q))
		return;
	bool few = q->flow_count > 0 && q->flow_count < q->shares / 4;
	if (q->flow_count > q->shares || few) {
		q->shares = round_up_pow2(few ? q->flow_count * 2 : q->flow_count);
		TAILQ_FOREACH (f, &q->flows, link)
			if (f->sock >= 0)
				limit(f);
	} else if (f) {
		limit(f);
	}
}
