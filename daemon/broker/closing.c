/* SPDX-License-Identifier: MIT */
#include "daemon/broker/closing.h"

#include <stdlib.h>

#include "daemon/broker/served.h"
#include "daemon/grant/files.h"

struct closing {
	struct job job;
	union link_any m;
	void (*then)(struct pump *p, const union link_any *m);
};

static void run(struct pump *p, struct job *j)
{
	(void)p, (void)j;
	files_reap();
}

/* On the control thread again. */
static void drop(struct job *j)
{
	const struct closing *c = (const struct closing *)j;
	if (j->working && !j->pump->dead)
		c->then(j->pump, &c->m);
	free(j);
}

int closing_await(struct pump *p, const union link_any *m, int r,
		  void (*then)(struct pump *p, const union link_any *m))
{
	struct closing *c = files_are_closing(p->who.user) ? malloc(sizeof(*c)) : NULL;
	if (!c)
		return r;
	*c = (struct closing){.job = {.run = run, .drop = drop}, .m = *m, .then = then};
	pump_work(p, &c->job);
	return SERVED_LATER;
}
