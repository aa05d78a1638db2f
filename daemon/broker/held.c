/* SPDX-License-Identifier: MIT */
#include "daemon/broker/held.h"

#include <stdlib.h>

#include "daemon/broker/pump.h"
#include "daemon/broker/record_file.h"
#include "daemon/grant/lease.h"

struct held_lease *held_find(struct pump *p, uint32_t id)
{
	struct held_lease *h;
	LIST_FOREACH (h, &p->leases, link)
		if (h->id == id)
			return h;
	return NULL;
}

struct held_lease *held_get(struct pump *p, uint32_t id)
{
	pthread_mutex_lock(&p->lock);
	struct held_lease *h = held_find(p, id);
	pthread_mutex_unlock(&p->lock);
	return h;
}

struct held_rule *held_rule_find(const struct held_lease *h, uint32_t id)
{
	struct held_rule *rule;
	LIST_FOREACH (rule, &h->rules, link)
		if (rule->id == id)
			return rule;
	return NULL;
}

void held_add(struct pump *p, struct held_lease *h)
{
	pthread_mutex_lock(&p->lock);
	LIST_INSERT_HEAD(&p->leases, h, link);
	pthread_mutex_unlock(&p->lock);
}

void held_rule_add(struct pump *p, struct held_lease *h, struct held_rule *rule)
{
	pthread_mutex_lock(&p->lock);
	LIST_INSERT_HEAD(&h->rules, rule, link);
	pthread_mutex_unlock(&p->lock);
}

/*
 * The rule is struck from the record before it is deleted. If the broker is killed in between, the
 * next one deletes it, since the record does not have it.
 */
void held_rule_drop(struct pump *p, struct held_lease *h, struct held_rule *rule)
{
	pthread_mutex_lock(&p->lock);
	LIST_REMOVE(rule, link);
	pthread_mutex_unlock(&p->lock);
	record_strike(p->record, rule->record);
	lease_unsteer(h->lease, rule->rule);
	free(rule);
}

void held_rules_drop(struct pump *p, struct held_lease *h)
{
	while (!LIST_EMPTY(&h->rules))
		held_rule_drop(p, h, LIST_FIRST(&h->rules));
}

void held_drop(struct pump *p, struct held_lease *h)
{
	held_rules_drop(p, h);
	pthread_mutex_lock(&p->lock);
	LIST_REMOVE(h, link);
	pthread_mutex_unlock(&p->lock);
	lease_end(h->lease);
	record_strike(p->record, h->record);
	free(h);
}
