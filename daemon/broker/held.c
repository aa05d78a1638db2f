/* SPDX-License-Identifier: MIT */
#include "daemon/broker/held.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>

#include "daemon/broker/pump.h"
#include "daemon/broker/record_file.h"
#include "daemon/grant/lease.h"

struct held_lease *held_find(struct pump *p, uint32_t id)
{
	struct held_lease *h;
	LIST_FOREACH (h, &p->leases, link)
		if (h->id == id && !h->ended)
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
	h->number = ++p->last_held;
	LIST_INSERT_HEAD(&p->leases, h, link);
	pthread_mutex_unlock(&p->lock);
	eventfd_write(p->poke, 1);
}

void held_rule_add(struct pump *p, struct held_lease *h, struct held_rule *rule)
{
	pthread_mutex_lock(&p->lock);
	LIST_INSERT_HEAD(&h->rules, rule, link);
	h->new_rules = true;
	pthread_mutex_unlock(&p->lock);
	eventfd_write(p->poke, 1);
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

struct held_lease *held_number(struct pump *p, uint64_t number)
{
	struct held_lease *h;
	LIST_FOREACH (h, &p->leases, link)
		if (h->number == number)
			return h;
	return NULL;
}

struct record_entry held_entry(const struct held_lease *h)
{
	struct record_entry e = {.what = RECORD_LEASE,
				 .id = h->id,
				 .lease = h->id,
				 .as_lease = {.given_up = h->ended || h->hand,
					      .ended = h->ended,
					      .hand_started = h->hand_started,
					      .hand = h->hand}};
	const uint32_t *rxqs;
	lease_where(h->lease, &e.as_lease.ifindex, &rxqs, &e.as_lease.n);
	memcpy(e.as_lease.rxqs, rxqs, e.as_lease.n * sizeof(*rxqs));
	snprintf(e.as_lease.nic, sizeof(e.as_lease.nic), "%s", lease_name(h->lease));
	return e;
}

void held_note(struct pump *p, const struct held_lease *h)
{
	const struct record_entry e = held_entry(h);
	record_put(p->record, h->record, &e);
}

void held_leave(struct pump *p, struct held_lease *h)
{
	while (!LIST_EMPTY(&h->rules))
		held_rule_drop(p, h, LIST_FIRST(&h->rules));
	lease_leave(h->lease, h->hand, h->hand_started);
}

void held_strike(struct pump *p, struct held_lease *h)
{
	if (!h->struck)
		record_strike(p->record, h->record);
	h->struck = true;
}

void held_free(struct pump *p, struct held_lease *h)
{
	pthread_mutex_lock(&p->lock);
	LIST_REMOVE(h, link);
	pthread_mutex_unlock(&p->lock);
	lease_end(h->lease);
	held_strike(p, h);
	free(h);
}

void held_drop(struct pump *p, struct held_lease *h)
{
	if (!h->ended)
		held_leave(p, h);
	held_free(p, h);
}
