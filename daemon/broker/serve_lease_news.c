/* SPDX-License-Identifier: MIT */
#include "daemon/broker/serve_lease_news.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <time.h>

#include "base/clock.h"
#include "daemon/broker/held.h"
#include "daemon/broker/pump.h"
#include "daemon/broker/pump_list.h"
#include "daemon/broker/record_file.h"
#include "daemon/grant/lease.h"
#include "daemon/grant/process.h"
#include "daemon/grant/rules.h"
#include "proto/reason.h"
#include "proto/wire.h"

/*
 * For so long a pump may keep a lease that is lost. The last seconds begin when the rest was seen
 * to be over: if the broker was stopped meanwhile, it reads in these what the pump has said.
 */
#define LOST_NS          (30 * NS_A_SECOND)
#define LAST_NS          (5 * NS_A_SECOND)
#define LOST_ACCURACY_US 1000000

static void tell_news(struct pump *p, const struct held_lease *h, uint32_t reason, uint32_t rule,
		      const char *text)
{
	union link_any m = {.as_NEWS = {.lease = h->id, .reason = reason, .rule = rule}};
	m.hdr.type = LINK_NEWS;
	m.hdr.size = link_bytes(LINK_NEWS);
	snprintf(m.as_NEWS.text, sizeof(m.as_NEWS.text), "%s", text ? text : "");
	if (outbox_send(&p->out, &m, NULL) < 0)
		pump_break(p, "does not read its link");
}

/* Also in the record: the next broker has to tell the pump if the rule brings packets again. */
static void rule_told(struct pump *p, struct held_lease *h, struct held_rule *rule, const char *why)
{
	struct record_entry e = {.what = RECORD_RULE,
				 .id = rule->id,
				 .lease = h->id,
				 .told = why != NULL};
	tell_news(p, h, 0, rule->id, why);
	rule->why = why;
	rule_where(rule->rule, &e.as_rule.match, &e.as_rule.place);
	record_put(p->record, rule->record, &e);
}

static void look(struct pump *p, struct held_lease *h)
{
	const char *why;
	struct held_rule *rule;
	if (!lease_has_news(h->lease) && !h->new_rules)
		return;
	h->new_rules = false;
	uint32_t reason = lease_lost(h->lease, &why);
	if (reason && !h->lost) {
		h->lost = reason;
		h->lost_ns = clock_ns();
		if (!h->ended)
			tell_news(p, h, reason, 0, why);
	}
	if (h->ended)
		return;
	LIST_FOREACH (rule, &h->rules, link) {
		why = rule_why(rule->rule);
		if (why != rule->why)
			rule_told(p, h, rule, why);
	}
}

/* ---- leases that are lost ---- */

static void lost_enforce(struct pump *p);

/*
 * Others' payload may come to a queue that is lost for as long as somebody has it. So the pump may
 * not keep it, also not by a ring whose lease it has ended: that lease is in the list until the
 * kernel has let go of it.
 */
static bool is_kept(const struct held_lease *h)
{
	return !h->ended || lease_is_bound(h->lease);
}

/* For how long the pump may have this lease, which is lost. 0: it has kept it for too long. */
static uint64_t lease_left(struct held_lease *h, uint64_t now_ns)
{
	uint64_t since_ns = now_ns - h->lost_ns,
		 may_ns = h->lost_last ? LAST_NS : LOST_NS - LAST_NS;
	if (since_ns < may_ns)
		return may_ns - since_ns;
	if (h->lost_last && is_kept(h))
		return 0;
	h->lost_last = true;
	h->lost_ns = now_ns;
	return LAST_NS;
}

/*
 * Returns for how long the pump may have its leases that are lost, 0 if it has none. It cannot give
 * one back while a hand is to register its queues; that ends by itself, and is not counted.
 */
static uint64_t lost_left(struct pump *p)
{
	struct held_lease *h;
	uint64_t now_ns = clock_ns(), least_ns = 0;
	bool over = false;
	pthread_mutex_lock(&p->lock);
	LIST_FOREACH (h, &p->leases, link) {
		if (!h->lost || h->registering)
			continue;
		uint64_t left_ns = lease_left(h, now_ns);
		over |= left_ns == 0;
		least_ns = least_ns == 0 || left_ns < least_ns ? left_ns : least_ns;
	}
	pthread_mutex_unlock(&p->lock);
	if (over)
		pump_break(p, "keeps a hardware queue that is lost");
	return over ? 0 : least_ns;
}

static int lost_over(sd_event_source *source, uint64_t usec, void *data)
{
	(void)source;
	(void)usec;
	lost_enforce(data);
	return 0;
}

static void lost_enforce(struct pump *p)
{
	uint64_t left_us = p->dead ? 0 : lost_left(p) / 1000;
	if (left_us == 0)
		return;
	int r = p->lost ? sd_event_source_set_time_relative(p->lost, left_us)
			: sd_event_add_time_relative(p->all->event, &p->lost, CLOCK_MONOTONIC,
						     left_us, LOST_ACCURACY_US, lost_over, p);
	if (r >= 0)
		r = sd_event_source_set_enabled(p->lost, SD_EVENT_ONESHOT);
	if (r < 0)
		pump_break(p, "has a hardware queue that is lost, and cannot be watched");
}

/* ---- leases that have left ---- */

/* A lease that has left is freed by a job, since that may wait for its NIC. */
struct going {
	struct job job;
	struct held_lease *held;
};

static void going_run(struct pump *p, struct job *j)
{
	held_free(p, ((struct going *)j)->held);
}

static void going_drop(struct job *j)
{
	free(j);
}

static struct held_lease *left_find(struct pump *p)
{
	struct held_lease *h;
	pthread_mutex_lock(&p->lock);
	LIST_FOREACH (h, &p->leases, link)
		if (h->ended && !h->going && lease_has_left(h->lease))
			break;
	pthread_mutex_unlock(&p->lock);
	return h;
}

/*
 * It is struck from the record at once: its queue may be somebody else's already. Without memory a
 * lease stays in the list until the pump ends.
 */
static void left_free(struct pump *p)
{
	struct held_lease *h;
	while ((h = left_find(p))) {
		struct going *g = malloc(sizeof(*g));
		h->going = true;
		held_strike(p, h);
		if (!g)
			continue;
		*g = (struct going){.job = {.run = going_run, .drop = going_drop}, .held = h};
		pump_work(p, &g->job);
	}
}

void serve_lease_news(struct pump *p)
{
	struct held_lease *h;
	pthread_mutex_lock(&p->lock);
	LIST_FOREACH (h, &p->leases, link)
		look(p, h);
	pthread_mutex_unlock(&p->lock);
	left_free(p);
	lost_enforce(p);
}

/* ---- of the broker before ---- */

static const char told_before[] = "What the broker before told.";

/*
 * The pump cannot use it any more. Older brokers say only given_up: which hand may register the
 * queues of that one is not known.
 */
static bool is_over(const struct record_entry *e)
{
	return e->as_lease.given_up && (e->as_lease.ended || !e->as_lease.hand);
}

/*
 * A hand that was registering the queues was killed with its broker; if it is here still, the
 * kernel does not let it go, and it may register them.
 */
static void state_again(struct held_lease *h, const struct record_entry *e)
{
	if (e->as_lease.hand && process_lives(e->as_lease.hand, e->as_lease.hand_started)) {
		h->hand = e->as_lease.hand;
		h->hand_started = e->as_lease.hand_started;
	}
	h->ended = is_over(e);
}

/* Which hand may register one that an older broker gave up is not known: it stays. */
static void again(struct pump *p, struct held_lease *h, bool ended)
{
	held_add(p, h);
	if (ended)
		held_leave(p, h);
}

static void lease_again_one(struct pump *p, const struct record_entry *e, uint32_t number)
{
	struct held_lease *h = calloc(1, sizeof(*h));
	const struct lease_was was = {.user = p->who.user,
				      .nic = e->as_lease.nic,
				      .ifindex = e->as_lease.ifindex,
				      .rxqs = e->as_lease.rxqs,
				      .n = e->as_lease.n,
				      .poke = p->poke};
	if (h) {
		h->id = e->id;
		h->record = number;
		state_again(h, e);
	}
	if (h && lease_again(&h->lease, &was) == 0)
		return again(p, h, e->as_lease.ended);
	record_strike(p->record, number);
	if (!is_over(e)) /* else it may have a lease of that number again */
		tell_news(p, &(struct held_lease){.id = e->id}, REASON_NIC_GONE, 0,
			  "The queue is not the one any more that zcrxd may hand out.");
	free(h);
}

/*
 * A rule whose lease was not taken over is struck: leases_settle() deletes what the NIC's journal
 * has and nobody claims.
 */
static void rule_again_one(struct pump *p, const struct record_entry *e, uint32_t number)
{
	struct held_lease *h = held_find(p, e->lease);
	struct held_rule *rule = h ? calloc(1, sizeof(*rule)) : NULL;
	if (rule) {
		rule->id = e->id;
		rule->record = number;
		rule->why = e->told ? told_before : NULL;
	}
	if (rule && lease_steer_again(h->lease, &e->as_rule.match, &e->as_rule.place, e->told,
				      &rule->rule) == 0)
		return held_rule_add(p, h, rule);
	record_strike(p->record, number);
	free(rule);
}

static void leases_again(struct pump *p, bool over)
{
	struct record_entry e;
	for (uint32_t i = 0; record_get(p->record, i, &e); i++)
		if (e.what == RECORD_LEASE && is_over(&e) == over)
			lease_again_one(p, &e, i);
}

void serve_lease_again(struct pump *p)
{
	struct record_entry e;
	leases_again(p, false);
	for (uint32_t i = 0; record_get(p->record, i, &e); i++)
		if (e.what == RECORD_RULE)
			rule_again_one(p, &e, i);
}

void serve_lease_again_ended(struct pump *p)
{
	leases_again(p, true);
}
