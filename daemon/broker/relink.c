/* SPDX-License-Identifier: MIT */
#include "daemon/broker/relink.h"

#include <errno.h>

#include "base/clock.h"
#include "base/fd.h"
#include "daemon/broker/awaited.h"
#include "daemon/broker/errand.h"
#include "daemon/broker/pump.h"
#include "daemon/broker/pumps.h"
#include "daemon/common/log.h"
#include "daemon/common/report.h"
#include "daemon/link/start.h"

/* A pump that answers nothing keeps nobody waiting but its hand. */
#define DEADLINE_MS  60000
#define PATIENCE_NS  (60 * NS_A_SECOND)
#define PAUSE_NS     (20 * NS_A_MS)
#define PAUSE_MAX_NS (2 * NS_A_SECOND)
#define ACCURACY_US  1000

static int is_time(sd_event_source *source, uint64_t usec, void *data)
{
	struct pump *p = data;
	(void)source;
	(void)usec;
	if (!p->dead && !p->broken)
		relink(p);
	return 0;
}

/* Returns a negative errno if the pump is to be ended. */
static int try_later(struct pump *p)
{
	struct relinking *l = &p->relinking;
	uint64_t now_ns = clock_ns();
	int r = 0;
	if (!l->again) {
		r = sd_event_add_time(p->all->event, &l->again, CLOCK_MONOTONIC, 0, ACCURACY_US,
				      is_time, p);
		l->until_ns = now_ns + PATIENCE_NS;
		l->pause_ns = PAUSE_NS;
	}
	if (r >= 0 && now_ns >= l->until_ns)
		r = -ETIME;
	if (r >= 0)
		r = sd_event_source_set_time_relative(l->again, l->pause_ns / 1000);
	if (r >= 0)
		r = sd_event_source_set_enabled(l->again, SD_EVENT_ONESHOT);
	l->pause_ns = 2 * l->pause_ns < PAUSE_MAX_NS ? 2 * l->pause_ns : PAUSE_MAX_NS;
	return r;
}

/*
 * Did it fail for a reason that passes? Otherwise the pump has something else in the place of what
 * the hand looked for. That may keep a hand for ever, and the next hand, too.
 */
static bool passes(const struct hand_reply *r)
{
	if (r->fault == HAND_DIED || r->fault == HAND_CROWDED)
		return true;
	return r->fault == HAND_KERNEL &&
	       (r->error == -EAGAIN || r->error == -ENOMEM || r->error == -ENOBUFS ||
		r->error == -EMFILE || r->error == -ENFILE || r->error == -ETOOMANYREFS);
}

static void failed(struct pump *p, const struct hand_reply *r)
{
	char why[LINK_TEXT_BYTES];
	if (passes(r) && try_later(p) >= 0)
		return;
	hand_sentence(r, why, sizeof(why));
	log_warn("client %u: its pump gets no link. %s", p->id, why);
	p->far_end = fd_close(p->far_end);
	pump_break(p, "cannot be taken over");
}

static int done(struct errand *e, const struct hand_reply *r, int *fd, struct served *s)
{
	struct pump *p = e->pump;
	(void)s;
	/* Of the report of a release that has another one nothing is told. */
	if (r->fault == HAND_DONE &&
	    (report_open(&p->report, *fd, false) == 0 || report_new(&p->report) == 0)) {
		p->far_end = fd_close(p->far_end);
		awaited_done(p, "has its link");
	} else {
		failed(p, r);
	}
	return SERVED_LATER; /* nobody has asked */
}

void relink(struct pump *p)
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
	if (r < 0)
		failed(p, &(struct hand_reply){.fault = HAND_DIED, .error = r});
}
