/* SPDX-License-Identifier: MIT */
#include "daemon/broker/snapshot.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/size.h"
#include "proto/text.h"

/* Do the numbers in it fit together, and into it? */
static bool is_whole(const struct shown_head *head, size_t bytes)
{
	uint32_t flows = 0;
	if (head->n_queues > SHOWN_QUEUES_MOST || head->n_flows > SHOWN_FLOWS_MOST ||
	    bytes != sizeof(*head) + head->n_queues * sizeof(struct shown_queue) +
			     head->n_flows * sizeof(struct shown_flow))
		return false;
	const struct shown_queue *q = (const void *)(head + 1);
	for (uint32_t i = 0; i < head->n_queues; i++) {
		if (q[i].n_flows > head->n_flows - flows || q[i].n_rxqs > LINK_RXQS_MOST ||
		    !memchr(q[i].why_not, '\0', sizeof(q[i].why_not)))
			return false;
		flows += q[i].n_flows;
	}
	return flows == head->n_flows;
}

static int client_copy(struct snapshot_client *to, const struct pump *p)
{
	*to = (struct snapshot_client){.id = p->id,
				       .pid = p->who.pid,
				       .uid = p->who.uid,
				       .pump = p->pid};
	memcpy(to->class, p->who.class, sizeof(to->class));
	if (!p->shown || !is_whole(p->shown, p->shown_bytes))
		return 0;
	to->shown = malloc(p->shown_bytes);
	if (!to->shown)
		return -ENOMEM;
	memcpy(to->shown, p->shown, p->shown_bytes);
	to->shown->name[sizeof(to->shown->name) - 1] = '\0';
	return 0;
}

int snapshot_take(struct snapshot *ret, const struct pumps *pumps)
{
	const struct pump *p;
	size_t n = 0;
	TAILQ_FOREACH (p, &pumps->list, link)
		n += !p->over;
	struct snapshot s = {.clients = calloc(n + 1, sizeof(*s.clients))};
	if (!s.clients)
		return -ENOMEM;
	TAILQ_FOREACH (p, &pumps->list, link) {
		if (p->over || p->dead)
			continue;
		if (client_copy(&s.clients[s.n_clients++], p) < 0) {
			snapshot_done(&s);
			return -ENOMEM;
		}
	}
	*ret = s;
	return 0;
}

void snapshot_done(struct snapshot *s)
{
	for (size_t i = 0; i < s->n_clients; i++)
		free(s->clients[i].shown);
	free(s->clients);
	*s = (struct snapshot){0};
}
