/* SPDX-License-Identifier: MIT */
#include "daemon/broker/status_document.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "daemon/broker/status_text.h"
#include "daemon/grant/account.h"

/*
 * Has the client gone? A pump that says so is believed if it has no queue of a NIC: whoever has one
 * is shown.
 */
static bool is_over(struct pump *p)
{
	pthread_mutex_lock(&p->lock);
	bool has_none = LIST_EMPTY(&p->leases);
	pthread_mutex_unlock(&p->lock);
	return p->over && has_none && p->charged[ACCOUNT_QUEUES] == 0;
}

/* Which clients there are, and what is known of them here. */
static int clients_note(const struct pumps *pumps, struct snapshot *ret)
{
	struct pump *c;
	TAILQ_FOREACH (c, &pumps->list, link) {
		if (c->dead || is_over(c))
			continue;
		struct snapshot_who who = {.id = c->id,
					   .pump = c->pid,
					   .pump_started = c->started,
					   .pid = c->who.pid,
					   .uid = c->who.uid,
					   .max_queues = account_bound(c->who.user, ACCOUNT_QUEUES),
					   .max_flows = account_bound(c->who.user, ACCOUNT_FLOWS)};
		memcpy(who.class, c->who.class, sizeof(who.class));
		if (snapshot_add(ret, &who, c->report) < 0) {
			snapshot_done(ret);
			return -ENOMEM;
		}
	}
	return 0;
}

struct document *document_new(const struct pumps *pumps, const struct upgrades *upgrades,
			      uint64_t uptime_s)
{
	uint64_t before = clock_thread_ns();
	struct document *d = calloc(1, sizeof(*d));
	if (!d)
		return NULL;
	if (clients_note(pumps, &d->snapshot) < 0) {
		free(d);
		return NULL;
	}
	d->snapshot.uptime_s = uptime_s;
	d->snapshot.upgrades = *upgrades;
	d->cost_usec = (clock_thread_ns() - before) / 1000;
	return d;
}

void document_make(void *data)
{
	struct document *d = data;
	uint64_t before = clock_thread_ns();
	if (snapshot_read(&d->snapshot) == 0)
		d->text = status_text(&d->snapshot, &d->bytes);
	snapshot_done(&d->snapshot);
	d->cost_usec += (clock_thread_ns() - before) / 1000;
}

void document_free(struct document *d)
{
	free(d->text);
	free(d);
}
