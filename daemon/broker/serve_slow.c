/* SPDX-License-Identifier: MIT */
#include "daemon/broker/serve_slow.h"

#include <stdlib.h>

#include "daemon/broker/serve.h"

struct asked {
	struct job job;
	union link_any m;
};

static void asked_run(struct pump *p, struct job *j)
{
	serve_message(p, &((struct asked *)j)->m);
}

static void asked_drop(struct job *j)
{
	free(j);
}

/* Is it about a lease, and of which number? */
static bool lease_of(const union link_any *m, uint32_t *ret)
{
	switch (m->hdr.type) {
	case LINK_LEASE:
		*ret = m->as_LEASE.lease;
		return true;
	case LINK_LEASE_END:
		*ret = m->as_LEASE_END.id;
		return true;
	case LINK_UNSTEER:
		*ret = m->as_UNSTEER.lease;
		return true;
	default:
		return false;
	}
}

void serve_slow(struct pump *p, const union link_any *m)
{
	struct asked *a = malloc(sizeof(*a));
	if (!a)
		return pump_break(p, "finds no memory");
	*a = (struct asked){.job = {.run = asked_run, .drop = asked_drop}, .m = *m};
	a->job.on_lease = lease_of(m, &a->job.lease);
	pump_work(p, &a->job);
}
