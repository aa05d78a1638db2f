/* SPDX-License-Identifier: MIT */
#include "daemon/pump/steer.h"

#include <stdlib.h>

#include "base/clock.h"
#include "daemon/grant/hosted.h"
#include "daemon/grant/lease.h"
#include "daemon/grant/rules.h"
#include "daemon/grant/steered.h"
#include "daemon/pump/flows.h"
#include "daemon/pump/judge.h"
#include "daemon/pump/socket.h"
#include "daemon/pump/tally.h"
#include "proto/addr.h"

#define OVER_NS (300 * NS_A_SECOND) /* as long as whoever waits for the broker waits */

struct steering {
	uint32_t flows;            /* that need the rules; 0: they are being deleted */
	struct steered_soon *soon; /* they are being set; or NULL */
	struct steered set;
	uint32_t ending;            /* so many of these, the first ones, were asked to be deleted */
	TAILQ_ENTRY(steering) link; /* in queue.steerings, while the broker has to answer */
	struct flow *flow;          /* for which they are set, or whose socket stays until they are
				       deleted */
};

static void start(struct flow *f, const struct hosted *hosted)
{
	struct queue *q = f->queue;
	if (!q->lease)
		return;
	struct steering *s = calloc(1, sizeof(*s));
	const struct steer_wish wish = {.class = q->judged.class,
					.sock = f->sock,
					.hosted = hosted};
	if (!s || steered_begin(&s->soon, q->lease, &wish) < 0) {
		free(s);
		flows_set_why_copied(f, "zcrxd is out of memory.");
		return;
	}
	s->flows = 1;
	s->flow = f;
	tally_judge(f, TALLY_NOT_YET);
	TAILQ_INSERT_TAIL(&q->steerings, s, link);
	f->steering = s;
}

void steer_start(struct flow *f)
{
	start(f, NULL);
	f->awaits_rules = f->steering;
}

void steer_ahead(struct flow *f, const struct hosted *hosted, const struct msg_addr *remote)
{
	f->local = *hosted_local(hosted);
	f->remote = *remote;
	if (f->local.family && !addr_is_any(&f->local))
		start(f, hosted);
	f->awaits_rules = f->steering;
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
		tally_judge(f, socket_unread(f->sock));
		flows_set_why_copied(f, why_of(f));
	} else if (listener->steering) {
		const char *why = judge_steer(f, &f->local);
		flows_set_why_copied(f, why ? why
					    : "The address came after the listener was steered.");
	} else {
		flows_set_why_copied(f, listener->why_copied);
	}
}

/* Asks that they are deleted. Returns false if there is no memory: to be called again. */
static bool end(struct queue *q, struct steering *s)
{
	struct steered *set = &s->set;
	while (s->ending < set->n && lease_unsteer_later(q->lease, set->rules[s->ending]) == 0)
		s->ending++;
	q->retry |= s->ending < set->n;
	return s->ending == set->n;
}

static void steering_drop(struct flow *f, struct steering *s)
{
	struct queue *q = f->queue;
	if (!s->soon && s->set.n == 0) {
		free(s);
		return;
	}
	if (!s->soon)
		TAILQ_INSERT_TAIL(&q->steerings, s, link);
	s->flows = 0;
	s->flow = f;
	f->leaving++;
	if (!s->soon)
		end(q, s);
}

/* The rules that nobody needs are deleted, as far as the broker has said so. */
static bool is_gone(struct queue *q, struct steering *s)
{
	struct steered *set = &s->set;
	if (!end(q, s))
		return false;
	while (set->n > 0 && lease_unsteered(q->lease, set->rules[set->n - 1]))
		s->ending = --set->n;
	return set->n == 0;
}

static void set_over(struct steering *s, const char *why)
{
	struct flow *f = s->flow;
	TAILQ_REMOVE(&f->queue->steerings, s, link);
	f->awaits_rules = false;
	flows_set_why_copied(f, why);
	tally_judge(f, socket_unread(f->sock));
	if (why)
		steer_stop(f);
}

/* Returns the flow with which the broker's answer has to do, or NULL: it has not answered. */
static struct flow *look(struct queue *q, struct steering *s)
{
	struct flow *f = s->flow;
	const char *why;
	if (s->soon) {
		if (!steered_look(s->soon, &s->set, &why))
			return NULL;
		s->soon = NULL;
		if (s->flows > 0) {
			set_over(s, why);
			return f;
		}
	}
	if (!is_gone(q, s))
		return NULL;
	TAILQ_REMOVE(&q->steerings, s, link);
	free(s);
	return --f->leaving == 0 ? f : NULL;
}

struct steering *steer_first(struct queue *q)
{
	return TAILQ_FIRST(&q->steerings);
}

struct flow *steer_answered(struct queue *q, struct steering **at)
{
	struct flow *f = NULL;
	while (!f && *at) {
		struct steering *s = *at;
		*at = TAILQ_NEXT(s, link);
		f = look(q, s);
	}
	return f;
}

bool steer_is_over(struct queue *q, uint64_t now_ns)
{
	struct steering *s;
	if (!q->rules_until_ns)
		q->rules_until_ns = now_ns + OVER_NS;
	while (now_ns >= q->rules_until_ns && (s = TAILQ_FIRST(&q->steerings))) {
		TAILQ_REMOVE(&q->steerings, s, link);
		if (s->soon)
			steered_drop(s->soon);
		s->flow->leaving--;
		free(s);
	}
	return TAILQ_EMPTY(&q->steerings);
}

/*
 * Once a listener is gone anybody may listen on its port: a rule for all of it must not outlive it,
 * so the connections that shared it get their own. Until these stand they go on without.
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
			start(f, NULL);
	}
}

void steer_stop(struct flow *f)
{
	struct steering *s = f->steering;
	f->steering = NULL;
	f->awaits_rules = false;
	if (s && f->listener)
		listener_stop(f, s);
	else if (s && --s->flows == 0)
		steering_drop(f, s);
}
