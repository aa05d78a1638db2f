/* SPDX-License-Identifier: MIT */
#include "daemon/pump/steer.h"

#include <stdlib.h>

#include "daemon/grant/hosted.h"
#include "daemon/grant/lease.h"
#include "daemon/grant/rules.h"
#include "daemon/grant/steered.h"
#include "daemon/pump/flows.h"
#include "daemon/pump/judge.h"
#include "proto/addr.h"

struct steering {
	uint32_t flows;
	struct steered set;
	/* While the rules are being deleted: */
	TAILQ_ENTRY(steering) link; /* in queue.unsteering */
	struct flow *flow;          /* whose socket stays open until then */
};

static void start(struct flow *f, const struct hosted *hosted)
{
	const struct queue *q = f->queue;
	if (!q->lease)
		return;
	f->steering = calloc(1, sizeof(*f->steering));
	if (!f->steering) {
		flows_set_why_copied(f, "zcrxd is out of memory.");
		return;
	}
	f->steering->flows = 1;
	const struct steer_wish wish = {.class = q->judged.class,
					.sock = f->sock,
					.hosted = hosted};
	flows_set_why_copied(f, steered_set(&f->steering->set, q->lease, &wish));
	if (f->why_copied)
		steer_stop(f);
}

void steer_start(struct flow *f)
{
	start(f, NULL);
}

void steer_ahead(struct flow *f, const struct hosted *hosted, const struct msg_addr *remote)
{
	f->local = *hosted_local(hosted);
	f->remote = *remote;
	if (f->local.family && !addr_is_any(&f->local))
		start(f, hosted);
}

/* The rule of this address, or NULL: a listener on all addresses may have none for some. */
static const struct lease_rule *rule_of(const struct steering *s, const struct msg_addr *local)
{
	for (uint32_t i = 0; i < s->set.n; i++)
		if (addr_same_ip(&s->set.locals[i], local))
			return s->set.rules[i];
	return NULL;
}

/* Why the rules do not bring the flow's packets; for a listener on all addresses, some of them. */
static const char *why_of(const struct flow *f)
{
	const struct steering *s = f->steering;
	const struct lease_rule *rule = rule_of(s, &f->local);
	const char *why = rule ? rule_why(rule) : NULL;
	for (uint32_t i = 0; !rule && i < s->set.n && !why; i++)
		why = rule_why(s->set.rules[i]);
	return why;
}

void steer_look(struct queue *q)
{
	struct flow *f;
	TAILQ_FOREACH (f, &q->flows, link)
		if (f->steering)
			flows_set_why_copied(f, why_of(f));
}

void steer_share(struct flow *f, const struct flow *listener)
{
	bool shared = listener->steering && rule_of(listener->steering, &f->local);
	if (!shared && f->queue->lease &&
	    (steered_is_each(listener->why_copied) ||
	     policy_steers_each(f->queue->judged.class, &f->local))) {
		steer_start(f);
		return;
	}
	if (shared) {
		f->steering = listener->steering;
		f->steering->flows++;
		flows_set_why_copied(f, why_of(f));
	} else if (listener->steering) {
		const char *why = judge_steer(f, &f->local);
		flows_set_why_copied(f, why ? why
					    : "The address came after the listener was steered.");
	} else {
		flows_set_why_copied(f, listener->why_copied);
	}
}

/* Where there is no memory to ask for the end of a rule and go on, it is waited for. */
static void steering_drop(struct flow *f, struct steering *s)
{
	struct queue *q = f->queue;
	struct steered *set = &s->set;
	uint32_t n = set->n;
	set->n = 0;
	for (uint32_t i = 0; i < n; i++)
		if (!queue_is_closing(q) && lease_unsteer_later(q->lease, set->rules[i]) == 0)
			set->rules[set->n++] = set->rules[i];
		else
			lease_unsteer(q->lease, set->rules[i]);
	if (set->n == 0) {
		free(s);
		return;
	}
	s->flow = f;
	f->leaving++;
	TAILQ_INSERT_TAIL(&q->unsteering, s, link);
}

/* Rules are deleted in the order in which that was asked for. */
struct flow *steer_gone(struct queue *q, bool wait)
{
	struct steering *s;
	while ((s = TAILQ_FIRST(&q->unsteering))) {
		struct steered *set = &s->set;
		while (set->n > 0 && lease_unsteered(q->lease, set->rules[set->n - 1], wait))
			set->n--;
		if (set->n > 0)
			return NULL;
		struct flow *f = s->flow;
		TAILQ_REMOVE(&q->unsteering, s, link);
		free(s);
		if (--f->leaving == 0)
			return f;
	}
	return NULL;
}

/*
 * Once a listener is gone anybody may listen on its port: a rule for all of it must not outlive it,
 * so the connections that shared it get their own.
 */
static void listener_stop(struct flow *listener, struct steering *s)
{
	struct flow *f;
	steering_drop(listener, s);
	TAILQ_FOREACH (f, &listener->queue->flows, link) {
		if (f->steering != s)
			continue;
		f->steering = NULL;
		if (!f->closing && !queue_is_closing(f->queue) && f->state < FLOW_ENDED)
			steer_start(f);
	}
}

void steer_stop(struct flow *f)
{
	struct steering *s = f->steering;
	f->steering = NULL;
	if (s && f->listener)
		listener_stop(f, s);
	else if (s && --s->flows == 0)
		steering_drop(f, s);
}
