/* SPDX-License-Identifier: MIT */
#include "daemon/broker/closing.h"

#include <stdlib.h>

#include "daemon/grant/files.h"
#include "daemon/grant/kept.h"

struct closing {
	struct job job;
	union link_any m;
	void (*then)(struct pump *p, const union link_any *m);
};

static void run(struct pump *p, struct job *j)
{
	(void)j;
	files_reap(p->who.user);
}

/* On the control thread again. */
static void drop(struct job *j)
{
	const struct closing *c = (const struct closing *)j;
	if (j->working && !j->pump->dead)
		c->then(j->pump, &c->m);
	free(j);
}

bool closing_await(struct pump *p, const union link_any *m, uint64_t before,
		   void (*then)(struct pump *p, const union link_any *m))
{
	bool is = kept_is_closing(p->who.user, before);
	struct closing *c = is ? malloc(sizeof(*c)) : NULL;
	if (!c)
		return false;
	*c = (struct closing){.job = {.run = run, .drop = drop}, .m = *m, .then = then};
	pump_work(p, &c->job);
	return true;
}
