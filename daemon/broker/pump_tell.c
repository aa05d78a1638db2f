/* SPDX-License-Identifier: MIT */
#include "daemon/broker/pump_tell.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>

#include "daemon/broker/pump_limits.h"
#include "daemon/grant/classes.h"
#include "daemon/grant/kernel.h"
#include "daemon/grant/leases.h"

/*
 * A pump whose outbox is full is ended. The other three quarters are for replies, and for further
 * reloads before the pump reads.
 */
static_assert(POLICY_RANGES_MAX <= OUTBOX_MAX / 4 * LINK_RANGES_MAX,
	      "the messages about a class take at most a quarter of an outbox");

static int tell(struct pump *p, union link_any *m, uint16_t type)
{
	m->hdr.type = type;
	m->hdr.size = link_bytes(type);
	m->hdr.serial = 0;
	return outbox_send(&p->out, m, NULL);
}

static int tell_class_of(struct pump *p, const struct policy_class *c)
{
	uint32_t all = c->local.n + c->remote.n, first = 0;
	int r;
	do {
		union link_any m = {.as_CLASS = {.nobody = c == &policy_nobody,
						 .backends = c->backends,
						 .host = c->host,
						 .udmabuf = c->udmabuf,
						 .nics = c->nics.n,
						 .ranges_local = c->local.n,
						 .ranges_remote = c->remote.n,
						 .given = c->local.given | c->remote.given << 1,
						 .limits = c->limits,
						 .orphan_seconds = p->all->orphan_seconds,
						 .policy = p->all->policy,
						 .first = first}};
		struct link_class *part = &m.as_CLASS;
		for (; part->n < LINK_RANGES_MAX && first < all; first++)
			part->ranges[part->n++] = first < c->local.n
							  ? c->local.ranges[first]
							  : c->remote.ranges[first - c->local.n];
		r = tell(p, &m, LINK_CLASS);
	} while (r == 0 && first < all);
	return r;
}

/* What the kernel lets the pump have comes first. -ESRCH: it has ended, as its pidfd will tell. */
static int tell_class(struct pump *p)
{
	struct classes *classes;
	const struct policy_class *c = pump_class(p, &classes);
	int r = pump_limits_set(p->pid, &c->limits);
	if (r == 0 || r == -ESRCH)
		r = tell_class_of(p, c);
	classes_put(classes);
	return r;
}

int pump_tell_start(struct pump *p)
{
	const char *refused = kernel_refuses_zcrx();
	union link_any m = {.as_START = {.version = link_version,
					 .oldest = link_oldest,
					 .client = p->id,
					 .pid = p->who.pid,
					 .uid = p->who.uid,
					 .gid = p->who.gid,
					 .verbose = p->all->verbose,
					 .leases = leases_any()}};
	snprintf(m.as_START.socket, sizeof(m.as_START.socket), "%s", p->who.socket);
	snprintf(m.as_START.class, sizeof(m.as_START.class), "%s", p->who.class);
	snprintf(m.as_START.zcrx_refused, sizeof(m.as_START.zcrx_refused), "%s",
		 refused ? refused : "");
	int r = tell(p, &m, LINK_START);
	return r < 0 ? r : tell_class(p);
}

void pumps_policy(struct pumps *all)
{
	struct pump *p;
	all->policy++;
	TAILQ_FOREACH (p, &all->list, link)
		if (!p->dead && tell_class(p) < 0)
			pump_break(p, "does not read its link");
}

bool pumps_have_policy(const struct pumps *all)
{
	const struct pump *p;
	TAILQ_FOREACH (p, &all->list, link)
		if (!p->dead && !p->broken && p->policy != all->policy)
			return false;
	return true;
}

void pumps_stop(struct pumps *all)
{
	struct pump *p;
	TAILQ_FOREACH (p, &all->list, link)
		if (!p->dead && tell(p, &(union link_any){0}, LINK_STOP) < 0)
			pump_break(p, "does not read its link");
}
