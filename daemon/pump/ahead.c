/* SPDX-License-Identifier: MIT */
#include "daemon/pump/ahead.h"

#include <errno.h>
#include <stddef.h>

static int ask(struct ahead *a, uint32_t need, bool modest)
{
	uint32_t ahead = a->row < AHEAD_MAX ? a->row : AHEAD_MAX;
	a->n = need + (modest ? 0 : ahead);
	return charge_soon_begin(&a->asked, &a->whom, a->n, a->news);
}

/* The broker's answer, if it is there: 0, -EINPROGRESS or -EBUSY. */
static int take(struct ahead *a)
{
	int r = charge_soon_look(a->asked);
	if (r == -EINPROGRESS)
		return r;
	charge_soon_drop(a->asked);
	a->asked = NULL;
	a->charged += r == 0 ? a->n : 0;
	return r == 0 ? 0 : -EBUSY;
}

int ahead_want(struct ahead *a, uint32_t wanted, uint32_t more)
{
	bool modest = false; /* it refused more than is needed */
	while (wanted > a->charged) {
		uint32_t need = wanted - a->charged;
		if (!a->asked && ask(a, need, modest) < 0)
			return -EBUSY;
		int r = take(a);
		if (r == -EINPROGRESS || (r < 0 && a->n <= need))
			return r;
		modest = r < 0;
	}
	a->row += more;
	return 0;
}

uint32_t ahead_rest(struct ahead *a, uint32_t used)
{
	if (a->asked && take(a) == -EINPROGRESS)
		return 0;
	uint32_t left = a->charged - used;
	a->charged = used;
	a->row = 0;
	return left;
}

bool ahead_is_any(const struct ahead *a, uint32_t used)
{
	return a->asked || a->row > 0 || a->charged > used;
}

void ahead_done(struct ahead *a)
{
	charge_soon_drop(a->asked);
	a->asked = NULL;
}
