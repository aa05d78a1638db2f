/* SPDX-License-Identifier: MIT */
#include "daemon/pump/sandbox.h"

#include <errno.h>
#include <stdio.h>
#include <sys/prctl.h>

#include "daemon/pump/filter.h"
#include "daemon/pump/landlock.h"
#include "daemon/pump/maker.h"

/* 0 and *ret: whether the layer is there. */
static int layer(int r, bool *ret)
{
	*ret = r == 0;
	return r == -EOPNOTSUPP ? 0 : r;
}

/* Set once, before the second thread. */
static struct {
	bool is, rings_bound;
	char text[64];
} entered;

static bool rings_are_bound(const struct sandbox *s)
{
	return s->task || s->made;
}

/* The list of system calls, which decides who makes rings. */
static int calls_enter(struct sandbox *s)
{
	int calls = -1;
	bool maker = !s->task && maker_start() == 0;
	int r = filter_enter(maker ? FILTER_RINGS_MADE : FILTER_RINGS_HERE, &calls);
	if (r == -EBUSY)
		r = filter_enter(FILTER_RINGS_HERE, &calls);
	r = layer(r, &s->seccomp);
	s->made = calls >= 0;
	int served = maker ? maker_serve(calls) : 0;
	return r < 0 ? r : served;
}

/* The list of system calls comes last: it allows neither of the others to be set. */
int sandbox_enter(struct sandbox *ret)
{
	struct sandbox s = {0};
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		return -errno;
	int r = layer(restrict_task(), &s.task);
	if (r == 0)
		r = s.landlock = landlock_enter();
	if (r >= 0)
		r = calls_enter(&s);
	if (r < 0)
		return r;
	entered.is = true;
	entered.rings_bound = rings_are_bound(&s);
	sandbox_text(&s, entered.text, sizeof(entered.text));
	*ret = s;
	return 0;
}

const char *sandbox_said(void)
{
	return entered.text;
}

int sandbox_ring(struct io_uring *ring, enum restrict_ring what)
{
	if (!entered.is)
		return 0;
	int r = restrict_ring(ring, what);
	/* A ring that was made afterwards has restrictions already, which let no others be set. */
	return (r == -EBUSY || r == -EACCES) && entered.rings_bound ? 0 : r;
}

bool sandbox_is_whole(const struct sandbox *s)
{
	return s->landlock && rings_are_bound(s) && s->seccomp;
}

void sandbox_text(const struct sandbox *s, char *ret, size_t bytes)
{
	char landlock[24] = "";
	if (s->landlock)
		snprintf(landlock, sizeof(landlock), ", landlock %d", s->landlock);
	const char *rings = rings_are_bound(s) ? ", rings" : "",
		   *seccomp = s->seccomp ? ", seccomp" : "";
	char there[64];
	snprintf(there, sizeof(there), "%s%s%s", landlock, rings, seccomp);
	snprintf(ret, bytes, "%s%s%s%s%s", *there ? there + 2 : "none",
		 sandbox_is_whole(s) ? "" : "; missing:", s->landlock ? "" : " landlock",
		 *rings ? "" : " rings", *seccomp ? "" : " seccomp");
}
