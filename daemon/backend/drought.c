/* SPDX-License-Identifier: MIT */
#include "daemon/backend/drought.h"

#define TRY_AGAIN_NS 4000000 /* at the soonest: pump/schedule.h says when the next turn is */

void drought_begins(struct drought *d, uint64_t now_ns)
{
	/* A full CQ may tell late of a receive that ended before the last drought did. */
	if (d->on || !d->armed)
		return;
	d->on = true;
	d->at_ns = now_ns;
}

void drought_ends(struct drought *d)
{
	if (d->on) {
		d->max = d->given ? d->given : 1;
		d->given = 0;
	}
	d->on = d->armed = false;
}

uint32_t drought_arms(struct drought *d, uint64_t now_ns)
{
	if (d->on) {
		if (now_ns - d->at_ns < TRY_AGAIN_NS)
			return 0;
		d->at_ns = now_ns;
		return 1;
	}
	uint32_t n = d->max ? d->max : UINT32_MAX;
	d->max = n > UINT32_MAX / 2 ? 0 : 2 * n;
	return n;
}
