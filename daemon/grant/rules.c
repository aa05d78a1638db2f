/* SPDX-License-Identifier: MIT */
#include "daemon/grant/rules.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "daemon/grant/log_client.h"
#include "daemon/grant/rule.h"
#include "nic/before.h"
#include "nic/ntuple.h"

void rules_init(struct rules *rules, const char *nic)
{
	*rules = (struct rules){.nic = nic};
	rule_notes_init(&rules->notes);
	LIST_INIT(&rules->list);
}

static void forget(struct rules *rules, struct lease_rule *rule)
{
	LIST_REMOVE(rule, link);
	rules->n--;
	free(rule);
}

int rules_begin(struct rules *rules, const char *dir)
{
	struct lease_rule *rule, *next;
	int r = rule_notes_open(&rules->notes, dir, rules->nic);
	for (rule = LIST_FIRST(&rules->list); rule && r == 0; rule = next) {
		next = LIST_NEXT(rule, link);
		if (!rule->lease)
			forget(rules, rule);
	}
	return r;
}

bool rule_unset(const struct rules *rules, struct lease_rule *rule)
{
	int r = rule->location == NIC_NOWHERE
			? 0
			: nic_rule_del(rules->nic, rule->location, &rule->match);
	if (r == -EEXIST)
		log_client(4, geteuid(), "", LOG_RULES,
			   "%s: ntuple rule %u was zcrxd's and is somebody else's now; it is left "
			   "alone",
			   rules->nic, rule->location);
	else if (r < 0 && r != -ENOENT)
		log_client(4, geteuid(), "", LOG_RULES,
			   "%s: ntuple rule %u cannot be deleted: %s; zcrxd tries again",
			   rules->nic, rule->location, strerrordesc_np(-r));
	if (r < 0 && r != -EEXIST && r != -ENOENT)
		return false;
	rule->location = NIC_NOWHERE;
	return true;
}

/* A rule that may still be on the NIC stays in the list, or it would count as somebody else's. */
void rules_del(struct rules *rules, struct lease_rule *rule)
{
	rule->lease = NULL;
	if (!rule_unset(rules, rule))
		return;
	if (rule->is_noted)
		rule_notes_strike(&rules->notes, rule->note);
	forget(rules, rule);
}

void rules_delete_again(struct rules *rules)
{
	struct lease_rule *rule, *next;
	for (rule = LIST_FIRST(&rules->list); rule; rule = next) {
		next = LIST_NEXT(rule, link);
		if (!rule->lease)
			rules_del(rules, rule);
	}
}

static bool has(const struct rules *rules, const struct nic_rule *match)
{
	const struct lease_rule *rule;
	LIST_FOREACH (rule, &rules->list, link)
		if (nic_rule_same(&rule->match, match) &&
		    !(rule->abandoned && rule->location == NIC_NOWHERE))
			return true;
	return false;
}

/* The note is written first: who finds it after a crash deletes the rule, if it was set. */
static int noted_add(struct rules *rules, struct lease_rule *rule)
{
	int r = rule_notes_add(&rules->notes, &rule->match, &rule->note);
	if (r < 0)
		return r;
	rule->is_noted = true;
	r = nic_rule_add(rules->nic, &rule->match, &rule->location);
	if (r < 0)
		rule_notes_strike(&rules->notes, rule->note);
	return r;
}

static int insert(struct rules *rules, const struct lease_rule *like, struct lease_rule **ret)
{
	struct lease_rule *rule = malloc(sizeof(*rule));
	if (!rule)
		return -ENOMEM;
	*rule = *like;
	LIST_INSERT_HEAD(&rules->list, rule, link);
	rules->n++;
	if (ret)
		*ret = rule;
	return 0;
}

int rules_again(struct rules *rules, const struct nic_rule *match, const struct nic_place *place,
		bool told, struct guarded *lease, struct lease_rule **ret)
{
	const struct lease_rule rule = {.match = *match,
					.place = *place,
					.location = NIC_NOWHERE,
					.lease = lease,
					.since_ns = clock_ns(),
					.untold = told};
	return has(rules, match) ? -EALREADY : insert(rules, &rule, ret);
}

static uint32_t location_of(const struct nic_rule_at *at, uint32_t n, const struct nic_rule *match)
{
	for (uint32_t i = 0; i < n; i++)
		if (nic_rule_is(&at[i], match))
			return at[i].location;
	return NIC_NOWHERE;
}

/* The note of this rule is here. Returns false if there is no such rule, or it has one. */
static bool note_take(void *data, const struct nic_rule *match, struct rule_note note)
{
	struct rules *rules = data;
	struct lease_rule *rule;
	LIST_FOREACH (rule, &rules->list, link) {
		if (rule->is_noted || !nic_rule_same(&rule->match, match) ||
		    rule->match.queue != match->queue)
			continue;
		rule->note = note;
		return rule->is_noted = true;
	}
	return false;
}

/* What the journal has and no lease: it is to be deleted. */
static int leftovers_insert(struct rules *rules, const struct nic_before *before)
{
	int r = 0;
	for (uint32_t i = 0; i < before->n_rules && r == 0; i++)
		if (!has(rules, &before->rules[i]))
			r = insert(rules,
				   &(struct lease_rule){.match = before->rules[i],
							.location = NIC_NOWHERE},
				   NULL);
	return r;
}

int rules_resume(struct rules *rules, const char *dir, const struct nic_before *before)
{
	struct nic_rule_at *at = NULL;
	struct lease_rule *rule;
	uint32_t n = 0;
	int r = nic_rules_get(rules->nic, &at, &n);
	if (r == 0)
		r = leftovers_insert(rules, before);
	LIST_FOREACH (rule, &rules->list, link)
		rule->location = location_of(at, n, &rule->match);
	free(at);
	if (r == 0)
		r = rule_notes_resume(&rules->notes, dir, rules->nic, note_take, rules);
	LIST_FOREACH (rule, &rules->list, link)
		if (r == 0 && !rule->is_noted) {
			r = rule_notes_add(&rules->notes, &rule->match, &rule->note);
			rule->is_noted = r == 0;
		}
	rules_delete_again(rules);
	return r;
}

void rule_where(const struct lease_rule *rule, struct nic_rule *ret_match,
		struct nic_place *ret_place)
{
	*ret_match = rule->match;
	*ret_place = rule->place;
}

int rules_add(struct rules *rules, const struct nic_rule *match, const struct nic_place *place,
	      struct guarded *lease, struct lease_rule **ret)
{
	if (has(rules, match))
		rules_delete_again(rules);
	if (has(rules, match))
		return -EALREADY;
	struct lease_rule *rule = calloc(1, sizeof(*rule));
	if (!rule)
		return -ENOMEM;
	*rule = (struct lease_rule){.match = *match,
				    .place = *place,
				    .lease = lease,
				    .since_ns = clock_ns()};
	int r = noted_add(rules, rule);
	if (r < 0) {
		free(rule);
		return r;
	}
	LIST_INSERT_HEAD(&rules->list, rule, link);
	rules->n++;
	*ret = rule;
	return 0;
}

bool rules_left(struct rules *rules, uint32_t queue)
{
	const struct lease_rule *rule;
	rules_delete_again(rules);
	LIST_FOREACH (rule, &rules->list, link)
		if (!rule->lease && rule->match.queue == queue)
			return true;
	return false;
}
