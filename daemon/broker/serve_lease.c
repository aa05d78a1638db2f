/* SPDX-License-Identifier: MIT */
#include "daemon/broker/serve_lease.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/fd.h"
#include "daemon/broker/errand.h"
#include "daemon/broker/record.h"
#include "daemon/broker/serve.h"
#include "daemon/broker/serve_host.h"
#include "daemon/grant/classes.h"
#include "daemon/grant/holder.h"
#include "daemon/grant/lease.h"
#include "daemon/grant/rules.h"
#include "daemon/grant/socket_facts.h"
#include "daemon/grant/steered.h"
#include "proto/reason.h"
#include "proto/wire.h"

#define FACTS_MS 5000u /* a client may keep its socket busy for so long */

struct held_rule {
	LIST_ENTRY(held_rule) link;
	uint32_t id;
	struct lease_rule *rule;
	const char *why; /* as it was told */
	uint32_t record; /* the number of its entry */
};

struct held_lease {
	LIST_ENTRY(held_lease) link;
	uint32_t id;
	struct lease *lease;
	uint32_t lost;   /* as it was told */
	uint32_t record; /* the number of its entry */
	/*
	 * By the lock of the list. How many hands are registering its queues; whether one was given
	 * up, which may do it all the same, later: then the queues are the pump's until it ends.
	 */
	uint32_t registering;
	bool given_up;
	LIST_HEAD(, held_rule) rules;
};

static struct held_lease *lease_find(struct pump *p, uint32_t id)
{
	struct held_lease *h;
	LIST_FOREACH (h, &p->leases, link)
		if (h->id == id)
			return h;
	return NULL;
}

static struct held_rule *rule_find(const struct held_lease *h, uint32_t id)
{
	struct held_rule *rule;
	LIST_FOREACH (rule, &h->rules, link)
		if (rule->id == id)
			return rule;
	return NULL;
}

/*
 * The next broker deletes a rule that is not in the record, and may set again one that is: so it is
 * struck there first.
 */
static void rule_drop(struct pump *p, struct held_lease *h, struct held_rule *rule)
{
	pthread_mutex_lock(&p->lock);
	LIST_REMOVE(rule, link);
	pthread_mutex_unlock(&p->lock);
	record_strike(p->record, rule->record);
	lease_unsteer(h->lease, rule->rule);
	free(rule);
}

static void rules_drop(struct pump *p, struct held_lease *h)
{
	while (!LIST_EMPTY(&h->rules))
		rule_drop(p, h, LIST_FIRST(&h->rules));
}

static void lease_drop(struct pump *p, struct held_lease *h)
{
	rules_drop(p, h);
	pthread_mutex_lock(&p->lock);
	LIST_REMOVE(h, link);
	pthread_mutex_unlock(&p->lock);
	lease_end(h->lease);
	record_strike(p->record, h->record);
	free(h);
}

static int judge(const struct policy_class *class, const struct link_lease *m, char *why)
{
	const struct policy_request r = {.what = POLICY_BACKEND, .backend = m->backend};
	if (m->backend != MSG_BACKEND_ZCRX && m->backend != MSG_BACKEND_DEVMEM)
		return -EINVAL;
	struct policy_verdict v = policy_judge(class, &r);
	snprintf(why, LINK_TEXT_BYTES, "%s", v.reason ? v.why : "");
	return v.reason ? -EACCES : 0;
}

static void lease_say(const struct held_lease *h, struct link_lease_reply *ret)
{
	const uint32_t *rxqs;
	lease_where(h->lease, &ret->ifindex, &rxqs, &ret->n);
	memcpy(ret->rxqs, rxqs, ret->n * sizeof(*rxqs));
	snprintf(ret->nic, sizeof(ret->nic), "%s", lease_name(h->lease));
}

/* The pump has it from now on. */
static void lease_hold(struct pump *p, struct held_lease *h)
{
	pthread_mutex_lock(&p->lock);
	LIST_INSERT_HEAD(&p->leases, h, link);
	pthread_mutex_unlock(&p->lock);
}

static int lease_record(struct pump *p, struct held_lease *h)
{
	struct record_entry e = {.what = RECORD_LEASE, .id = h->id, .lease = h->id};
	const uint32_t *rxqs;
	lease_where(h->lease, &e.as_lease.ifindex, &rxqs, &e.as_lease.n);
	memcpy(e.as_lease.rxqs, rxqs, e.as_lease.n * sizeof(*rxqs));
	snprintf(e.as_lease.nic, sizeof(e.as_lease.nic), "%s", lease_name(h->lease));
	return record_add(p->record, &e, &h->record);
}

/*
 * It has the lease already if the broker before was killed before it answered: then that is the
 * answer.
 */
int on_lease(struct pump *p, const struct link_lease *m, struct served *s)
{
	struct link_lease_reply *ret = &s->reply.re_LEASE;
	struct classes *classes;
	char nic[sizeof(m->nic)], why[NIC_SENTENCE_BYTES] = "";
	struct held_lease *h = lease_find(p, m->lease);
	snprintf(nic, sizeof(nic), "%.*s", (int)sizeof(nic) - 1, m->nic);
	if (m->n == 0 || m->n > LEASE_QUEUES_MAX || (h && !p->again))
		return -EINVAL;
	if (h) {
		lease_say(h, ret);
		return 0;
	}
	h = calloc(1, sizeof(*h));
	if (!h)
		return -ENOMEM;
	h->id = m->lease;
	struct lease_wish wish = {.class = pump_class(p, &classes),
				  .user = p->who.user,
				  .backend = m->backend,
				  .nic = nic,
				  .n = m->n,
				  .poke = p->poke};
	int r = judge(wish.class, m, ret->text);
	if (r == 0)
		r = lease_take(&h->lease, &wish, why);
	classes_put(classes);
	if (r == 0) {
		r = lease_record(p, h);
		if (r < 0) {
			lease_end(h->lease);
			snprintf(why, sizeof(why),
				 "zcrxd's record of leases cannot be written: %s.",
				 strerrordesc_np(-r));
		}
	}
	if (r < 0) {
		if (!*ret->text)
			snprintf(ret->text, sizeof(ret->text), "%s", why);
		free(h);
		return r;
	}
	lease_say(h, ret);
	lease_hold(p, h);
	return 0;
}

int on_lease_end(struct pump *p, const struct link_id *m, struct served *s)
{
	struct held_lease *h = lease_find(p, m->id);
	(void)s;
	if (!h)
		return -ENOENT;
	pthread_mutex_lock(&p->lock);
	bool registering = h->registering > 0, given_up = h->given_up;
	pthread_mutex_unlock(&p->lock);
	if (registering)
		return -EBUSY;
	if (given_up)
		rules_drop(p, h);
	else
		lease_drop(p, h);
	return 0;
}

/* ---- rules ---- */

static void rule_hold(struct pump *p, struct held_lease *h, struct held_rule *rule)
{
	pthread_mutex_lock(&p->lock);
	LIST_INSERT_HEAD(&h->rules, rule, link);
	pthread_mutex_unlock(&p->lock);
}

static int rule_record(struct pump *p, const struct held_lease *h, struct held_rule *rule)
{
	struct record_entry e = {.what = RECORD_RULE, .id = rule->id, .lease = h->id};
	rule_where(rule->rule, &e.as_rule.match, &e.as_rule.place);
	return record_add(p->record, &e, &rule->record);
}

static void rules_hold(struct pump *p, struct held_lease *h, uint32_t first,
		       const struct steered *set)
{
	for (uint32_t i = 0; i < set->n; i++) {
		struct held_rule *rule = calloc(1, sizeof(*rule));
		if (rule) {
			rule->id = first + i;
			rule->rule = set->rules[i];
		}
		if (!rule || rule_record(p, h, rule) < 0) {
			lease_unsteer(h->lease, set->rules[i]);
			free(rule);
			continue; /* the pump does not get it back: it goes nowhere */
		}
		rule_hold(p, h, rule);
	}
}

/*
 * The rules that it asks for may be there already if the broker before was killed before it
 * answered: they are set anew.
 */
static int rules_free(struct pump *p, struct held_lease *h, uint32_t first)
{
	for (uint32_t i = 0; i < STEERED_RULES_MAX; i++) {
		struct held_rule *rule = rule_find(h, first + i);
		if (rule && !p->again)
			return -EINVAL;
		if (rule)
			rule_drop(p, h, rule);
	}
	return 0;
}

/* The facts are known: what is left may wait for a NIC. */
struct steering {
	struct job job;
	struct msg_hdr request;
	uint32_t lease, rule;
	struct socket_facts facts;
	int netns; /* or -1 */
};

static int steer(struct pump *p, const struct steering *x, struct link_steer_reply *ret)
{
	struct held_lease *h = lease_find(p, x->lease);
	struct steered set;
	struct classes *classes;
	if (!h)
		return -ENOENT;
	if (rules_free(p, h, x->rule) < 0)
		return -EINVAL;
	const char *why =
		steered_by_facts(&set, h->lease, pump_class(p, &classes), &x->facts, x->netns);
	classes_put(classes);
	snprintf(ret->text, sizeof(ret->text), "%s", why ? why : "");
	ret->each = why && steered_is_each(why);
	ret->n = set.n;
	memcpy(ret->locals, set.locals, sizeof(ret->locals));
	rules_hold(p, h, x->rule, &set);
	return 0;
}

static void steering_run(struct pump *p, struct job *j)
{
	const struct steering *x = (const struct steering *)j;
	struct served s = {.nfds = 0};
	served_send(p, &s, &x->request, steer(p, x, &s.reply.re_STEER));
}

static void steering_drop(struct job *j)
{
	fd_close(((struct steering *)j)->netns);
	free(j);
}

/* x->netns is taken over on success. */
static int steer_later(struct pump *p, const struct steering *x)
{
	struct steering *copy = malloc(sizeof(*copy));
	if (!copy)
		return -ENOMEM;
	*copy = *x;
	copy->job = (struct job){.run = steering_run, .drop = steering_drop};
	pump_work(p, &copy->job);
	return SERVED_LATER;
}

static int no_facts(struct served *s, const char *why)
{
	snprintf(s->reply.re_STEER.text, sizeof(s->reply.re_STEER.text), "%s", why);
	return 0;
}

static int steer_done(struct errand *e, const struct hand_reply *r, int *fd, struct served *s)
{
	char why[LINK_TEXT_BYTES];
	if (r->fault == HAND_KERNEL)
		return no_facts(s, steered_why(r->error));
	hand_sentence(r, why, sizeof(why));
	if (r->fault != HAND_DONE)
		return no_facts(s, why);
	int error = steer_later(e->pump, &(struct steering){.request = e->request,
							    .lease = e->lease,
							    .rule = e->rule,
							    .facts = r->facts,
							    .netns = *fd});
	if (error == SERVED_LATER)
		*fd = -1;
	return error;
}

static bool has_lease(struct pump *p, uint32_t id)
{
	pthread_mutex_lock(&p->lock);
	bool has = lease_find(p, id);
	pthread_mutex_unlock(&p->lock);
	return has;
}

/* On the control thread: a hand reads the facts of the socket, or nobody else has it yet. */
int on_steer(struct pump *p, const struct link_steer *m, struct served *s)
{
	static const struct errand_kind facts = {.deadline_ms = FACTS_MS,
						 .gives = true,
						 .done = steer_done};
	struct steering x = {.request = m->hdr, .lease = m->lease, .rule = m->rule, .netns = -1};
	if (!has_lease(p, m->lease))
		return -ENOENT;
	if (!m->host)
		return errand_start(p, &m->hdr,
				    &(struct errand){.kind = &facts,
						     .job = {.kind = HAND_FACTS},
						     .lease = m->lease,
						     .rule = m->rule});
	int r = serve_host_facts(p, m->host, &x.facts);
	return r < 0 ? no_facts(s, steered_why(r)) : steer_later(p, &x);
}

int on_unsteer(struct pump *p, const struct link_rule *m, struct served *s)
{
	struct held_lease *h = lease_find(p, m->lease);
	struct held_rule *rule = h ? rule_find(h, m->rule) : NULL;
	(void)s;
	if (!rule)
		return -ENOENT;
	rule_drop(p, h, rule);
	return 0;
}

/* ---- queues ---- */

int serve_lease_register(struct pump *p, uint32_t id, struct lease_place *ret)
{
	const uint32_t *rxqs;
	pthread_mutex_lock(&p->lock);
	struct held_lease *h = lease_find(p, id);
	if (h) {
		lease_where(h->lease, &ret->ifindex, &rxqs, &ret->n);
		memcpy(ret->rxqs, rxqs, ret->n * sizeof(*rxqs));
		h->registering++;
	}
	pthread_mutex_unlock(&p->lock);
	return h ? 0 : -ENOENT;
}

void serve_lease_registered(struct pump *p, uint32_t id, bool given_up)
{
	pthread_mutex_lock(&p->lock);
	struct held_lease *h = lease_find(p, id);
	if (h) { /* it is there while it is registered */
		h->registering--;
		h->given_up |= given_up;
	}
	pthread_mutex_unlock(&p->lock);
}

/* Only of NICs that its class may lease of: others' are not its business. */
int on_holder(struct pump *p, const struct link_holder *m, struct served *s)
{
	struct link_text *ret = &s->reply.re_HOLDER;
	struct classes *classes;
	char nic[sizeof(m->nic)];
	snprintf(nic, sizeof(nic), "%.*s", (int)sizeof(nic) - 1, m->nic);
	bool may = policy_leases(pump_class(p, &classes), nic);
	classes_put(classes);
	if (may && !holder_say(nic, m->rxq, ret->text, sizeof(ret->text)))
		*ret->text = '\0';
	return 0;
}

void serve_lease_end_all(struct pump *p)
{
	while (!LIST_EMPTY(&p->leases))
		lease_drop(p, LIST_FIRST(&p->leases));
}

/* ---- news ---- */

static void tell_news(struct pump *p, const struct held_lease *h, uint32_t reason, uint32_t rule,
		      const char *text)
{
	union link_any m = {.as_NEWS = {.lease = h->id, .reason = reason, .rule = rule}};
	m.hdr.type = LINK_NEWS;
	m.hdr.size = link_bytes(LINK_NEWS);
	snprintf(m.as_NEWS.text, sizeof(m.as_NEWS.text), "%s", text ? text : "");
	(void)outbox_send(&p->out, &m, NULL);
}

/* The next broker has to tell the pump if the rule brings packets again. */
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
	const struct lease_was was = {.nic = e->as_lease.nic,
				      .ifindex = e->as_lease.ifindex,
				      .rxqs = e->as_lease.rxqs,
				      .n = e->as_lease.n,
				      .poke = p->poke};
	if (h) {
		h->id = e->id;
		h->record = number;
	}
	if (h && lease_again(&h->lease, &was) == 0)
		return lease_hold(p, h);
	record_strike(p->record, number);
	tell_news(p, &(struct held_lease){.id = e->id}, REASON_NIC_GONE, 0,
		  "The queue is not the one any more that zcrxd may hand out.");
	free(h);
}

/* A rule of a lease that was not taken over goes with what the NIC's journal has besides. */
static void rule_again_one(struct pump *p, const struct record_entry *e, uint32_t number)
{
	struct held_lease *h = lease_find(p, e->lease);
	struct held_rule *rule = h ? calloc(1, sizeof(*rule)) : NULL;
	if (rule) {
		rule->id = e->id;
		rule->record = number;
		rule->why = e->told ? told_before : NULL;
	}
	if (rule && lease_steer_again(h->lease, &e->as_rule.match, &e->as_rule.place, e->told,
				      &rule->rule) == 0)
		return rule_hold(p, h, rule);
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
