/* SPDX-License-Identifier: MIT */
#include "daemon/broker/serve_lease_news.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>

#include "daemon/broker/held.h"
#include "daemon/broker/pump.h"
#include "daemon/broker/record_file.h"
#include "daemon/grant/lease.h"
#include "daemon/grant/rules.h"
#include "proto/reason.h"
#include "proto/wire.h"

static void tell_news(struct pump *p, const struct held_lease *h, uint32_t reason, uint32_t rule,
		      const char *text)
{
	union link_any m = {.as_NEWS = {.lease = h->id, .reason = reason, .rule = rule}};
	m.hdr.type = LINK_NEWS;
	m.hdr.size = link_bytes(LINK_NEWS);
	snprintf(m.as_NEWS.text, sizeof(m.as_NEWS.text), "%s", text ? text : "");
	(void)outbox_send(&p->out, &m, NULL);
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
	if (!lease_has_news(h->lease))
		return;
	uint32_t reason = lease_lost(h->lease, &why);
	if (reason && !h->lost)
		tell_news(p, h, reason, 0, why);
	h->lost = reason;
	LIST_FOREACH (rule, &h->rules, link) {
		why = rule_why(rule->rule);
		if (why != rule->why)
			rule_told(p, h, rule, why);
	}
}

void serve_lease_news(struct pump *p)
{
	struct held_lease *h;
	pthread_mutex_lock(&p->lock);
	LIST_FOREACH (h, &p->leases, link)
		look(p, h);
	pthread_mutex_unlock(&p->lock);
}

/* ---- of the broker before ---- */

static const char told_before[] = "What the broker before told.";

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
		h->given_up = e->as_lease.given_up;
	}
	if (h && lease_again(&h->lease, &was) == 0)
		return held_add(p, h);
	record_strike(p->record, number);
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

void serve_lease_again(struct pump *p)
{
	struct record_entry e;
	for (uint32_t i = 0; record_get(p->record, i, &e); i++)
		if (e.what == RECORD_LEASE)
			lease_again_one(p, &e, i);
	for (uint32_t i = 0; record_get(p->record, i, &e); i++)
		if (e.what == RECORD_RULE)
			rule_again_one(p, &e, i);
}
