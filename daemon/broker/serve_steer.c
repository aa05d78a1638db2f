/* SPDX-License-Identifier: MIT */
/* The handlers of STEER and UNSTEER: rules that bring a socket's packets to the queues of a lease.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/fd.h"
#include "daemon/broker/errand.h"
#include "daemon/broker/held.h"
#include "daemon/broker/record_file.h"
#include "daemon/broker/serve.h"
#include "daemon/broker/serve_host.h"
#include "daemon/broker/serve_lease.h"
#include "daemon/grant/classes.h"
#include "daemon/grant/lease.h"
#include "daemon/grant/rules.h"
#include "daemon/grant/socket_facts.h"
#include "daemon/grant/steered.h"

#define FACTS_MS 5000u /* for so long a client may make a hand wait that reads a socket's facts */

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
			continue; /* the pump may think it has the rule: giving it up is refused */
		}
		held_rule_add(p, h, rule);
	}
}

/*
 * If the broker before was killed when it had set the rules and had not answered, the pump asks
 * again: what was set is deleted, and set anew.
 */
static int rules_free(struct pump *p, struct held_lease *h, uint32_t first)
{
	for (uint32_t i = 0; i < STEERED_RULES_MAX; i++) {
		struct held_rule *rule = held_rule_find(h, first + i);
		if (rule && !p->again)
			return -EINVAL;
		if (rule)
			held_rule_drop(p, h, rule);
	}
	return 0;
}

/* A STEER whose facts are known. The rest may wait for a NIC: a job. */
struct steering {
	struct job job;
	struct msg_hdr request;
	uint32_t lease, rule;
	struct socket_facts facts;
	int netns; /* the socket's network namespace, if it is another one; or -1 */
};

static uint32_t rules_most(const struct steering *x)
{
	return x->facts.listener ? STEERED_RULES_MAX : 1;
}

/*
 * May the pump have more rules? Not if those that it has, and those that are being set for it, are
 * more already than one for each of its flows and STEERED_RULES_MAX for each of its listeners. The
 * rules of x itself are not counted, so they may be beyond that number. If true is returned, x is
 * being set until steering_end().
 */
static bool steering_begin(struct pump *p, const struct steering *x)
{
	const struct held_lease *h;
	const struct held_rule *rule;
	pthread_mutex_lock(&p->lock);
	uint64_t n = p->steering;
	LIST_FOREACH (h, &p->leases, link)
		LIST_FOREACH (rule, &h->rules, link)
			n++;
	bool may = n <= __atomic_load_n(&p->charged[ACCOUNT_FLOWS], __ATOMIC_RELAXED) +
				STEERED_RULES_MAX * __atomic_load_n(&p->charged[ACCOUNT_LISTENERS],
								    __ATOMIC_RELAXED);
	p->steering += may ? rules_most(x) : 0;
	pthread_mutex_unlock(&p->lock);
	return may;
}

static void steering_end(struct pump *p, const struct steering *x)
{
	pthread_mutex_lock(&p->lock);
	p->steering -= rules_most(x);
	pthread_mutex_unlock(&p->lock);
}

static int steer(struct pump *p, const struct steering *x, struct link_steer_reply *ret)
{
	struct held_lease *h = held_get(p, x->lease);
	struct steered set;
	struct classes *classes;
	if (!h)
		return -ENOENT;
	if (serve_lease_is_lost(h, ret->text))
		return 0;
	if (rules_free(p, h, x->rule) < 0)
		return -EINVAL;
	if (!steering_begin(p, x)) {
		snprintf(ret->text, sizeof(ret->text),
			 "More rules are set than flows were charged.");
		return -EDQUOT;
	}
	const struct steered_for whom = {.class = pump_class(p, &classes),
					 .uid = p->who.uid,
					 .facts = &x->facts,
					 .netns = x->netns};
	const char *why = steered_by_facts(&set, h->lease, &whom);
	classes_put(classes);
	snprintf(ret->text, sizeof(ret->text), "%s", why ? why : "");
	ret->each = why && steered_is_each(why);
	ret->n = set.n;
	memcpy(ret->locals, set.locals, sizeof(ret->locals));
	rules_hold(p, h, x->rule, &set);
	steering_end(p, x);
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

/* Takes x->netns over if it returns SERVED_LATER. */
static int steer_later(struct pump *p, const struct steering *x)
{
	struct steering *copy = malloc(sizeof(*copy));
	if (!copy)
		return -ENOMEM;
	*copy = *x;
	copy->job = (struct job){.on_lease = true,
				 .lease = x->lease,
				 .run = steering_run,
				 .drop = steering_drop};
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

/*
 * On the control thread. A hand reads the facts of the socket. Those of a socket that is not
 * connected yet are read here, since nobody else has it.
 */
int on_steer(struct pump *p, const struct link_steer *m, struct served *s)
{
	static const struct errand_kind facts = {.deadline_ms = FACTS_MS,
						 .gives = true,
						 .done = steer_done};
	struct steering x = {.request = m->hdr, .lease = m->lease, .rule = m->rule, .netns = -1};
	const struct held_lease *h = held_get(p, m->lease);
	if (!h)
		return -ENOENT;
	if (serve_lease_is_lost(h, s->reply.re_STEER.text))
		return 0;
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
	struct held_lease *h = held_get(p, m->lease);
	struct held_rule *rule = h ? held_rule_find(h, m->rule) : NULL;
	(void)s;
	if (!rule)
		return -ENOENT;
	held_rule_drop(p, h, rule);
	return 0;
}
