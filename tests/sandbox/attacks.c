/* SPDX-License-Identifier: MIT */
/* The list of all attacks, and how one is run. */
#include <err.h>
#include <errno.h>
#include <unistd.h>

#include "tests/sandbox/attack.h"

struct attack *attack_add(struct attacks *all, const char *name, enum attack_by by)
{
	if (all->n == ATTACKS_MAX)
		errx(2, "more than %u attacks", ATTACKS_MAX);
	struct attack *a = &all->list[all->n++];
	*a = (struct attack){.name = name, .by = by, .landlock = LANDLOCK_NOT};
	return a;
}

void attacks_all(struct attacks *all, const struct world *w)
{
	attacks_on_files(all, w);
	attacks_on_network(all, w);
	attacks_on_processes(all, w);
	attacks_by_rings(all, w);
}

/* The better one for the attacker of both rings. */
static int run_sqe(const struct attack *a, struct stage *s)
{
	int queue = submit(&s->queue, &a->sqe);
	int ops = queue < 0 ? submit(&s->ops, &a->sqe) : queue;
	return queue < 0 ? ops : queue;
}

int attack_run(const struct attack *a, const struct world *w, struct stage *s)
{
	if (a->run)
		return a->run(w, s);
	if (a->by == BY_SQE)
		return run_sqe(a, s);
	return syscall(a->call, a->args[0], a->args[1], a->args[2], a->args[3], a->args[4],
		       a->args[5]) < 0
		       ? -errno
		       : 0;
}
