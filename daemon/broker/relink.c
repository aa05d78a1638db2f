/* SPDX-License-Identifier: MIT */
#include "daemon/broker/relink.h"

#include <errno.h>

#include "base/fd.h"
#include "daemon/broker/awaited.h"
#include "daemon/broker/errand.h"
#include "daemon/broker/pump.h"
#include "daemon/common/log.h"
#include "daemon/common/report.h"
#include "daemon/link/start.h"

/* A pump that answers nothing keeps nobody waiting but its hand. */
#define DEADLINE_MS 60000
#define TRIES_MAX   8u /* a hand that ends without an answer is not the pump's fault */

static int done(struct errand *e, const struct hand_reply *r, int *fd, struct served *s)
{
	struct pump *p = e->pump;
	char why[LINK_TEXT_BYTES];
	(void)s;
	if (r->fault == HAND_DIED && ++p->relinks < TRIES_MAX && relink(p) == 0)
		return SERVED_LATER;
	p->far_end = fd_close(p->far_end);
	/* Of the report of a release that has another one nothing is told. */
	if (r->fault == HAND_DONE &&
	    (report_open(&p->report, *fd, false) == 0 || report_new(&p->report) == 0)) {
		awaited_done(p, "has its link");
		return SERVED_LATER; /* nobody has asked */
	}
	hand_sentence(r, why, sizeof(why));
	log_warn("client %u: its pump gets no link. %s", p->id, why);
	pump_break(p, "cannot be taken over");
	return SERVED_LATER;
}

int relink(struct pump *p)
{
	static const struct errand_kind kind = {.deadline_ms = DEADLINE_MS,
						.links = true,
						.takes = true,
						.done = done};
	const struct errand e = {.kind = &kind,
				 .job = {.kind = HAND_LINK,
					 .link = {.next = START_NEXT,
						  .report = START_REPORT,
						  .report_bytes = sizeof(struct report_memory)}}};
	int r = errand_start(p, &(struct msg_hdr){0}, &e);
	return r == SERVED_LATER ? 0 : r;
}
