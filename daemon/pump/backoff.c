/* SPDX-License-Identifier: MIT */
#include "daemon/pump/backoff.h"

void backoff_turn(struct backoff *b, uint64_t now_ns, bool asked, bool found)
{
	if (found)
		*b = (struct backoff){0};
	if (found || !asked)
		return;
	if (!b->step_ns)
		b->step_ns = BACKOFF_FIRST_NS;
	else if (b->step_ns < BACKOFF_MAX_NS)
		b->step_ns *= 2;
	b->until_ns = now_ns + b->step_ns;
}

uint64_t backoff_until(const struct backoff *b, uint64_t now_ns)
{
	return b->until_ns > now_ns ? b->until_ns : 0;
}
