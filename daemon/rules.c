/* SPDX-License-Identifier: MIT */
#include "rules.h"

#include <errno.h>
#include <stdlib.h>

#include "log.h"

#define NOWHERE UINT32_MAX /* a rule that somebody removed and that could not be set again */

struct lease_rule {
	LIST_ENTRY(lease_rule) link;
	struct nic_rule match;
	uint32_t location;
	struct rule_note note;
};

void rules_init(struct rules *rules, const char *nic)
{
	rules->nic = nic;
	rule_notes_init(&rules->notes);
	LIST_INIT(&rules->list);
}

int rules_begin(struct rules *rules, const char *dir)
{
	return rule_notes_open(&rules->notes, dir, rules->nic);
}

static bool has(const struct rules *rules, const struct nic_rule *match)
{
	const struct lease_rule *rule;
	LIST_FOREACH (rule, &rules->list, link)
		if (nic_rule_same(&rule->match, match))
			return true;
	return false;
}

/* The note comes first: whoever finds it after a crash deletes the rule, if it is there. */
static int noted_add(struct rules *rules, struct lease_rule *rule)
{
	int r = rule_notes_add(&rules->notes, &rule->match, &rule->note);
	if (r < 0)
		return r;
	r = nic_rule_add(rules->nic, &rule->match, &rule->location);
	if (r < 0)
		rule_notes_strike(&rules->notes, rule->note);
	return r;
}

int rules_add(struct rules *rules, const struct nic_rule *match, struct lease_rule **ret)
{
	if (has(rules, match))
		return -EALREADY;
	struct lease_rule *rule = calloc(1, sizeof(*rule));
	if (!rule)
		return -ENOMEM;
	rule->match = *match;
	int r = noted_add(rules, rule);
	if (r < 0) {
		free(rule);
		return r;
	}
	LIST_INSERT_HEAD(&rules->list, rule, link);
	*ret = rule;
	return 0;
}

void rules_del(struct rules *rules, struct lease_rule *rule)
{
	int r = rule->location == NOWHERE ? 0 : nic_rule_del(rules->nic, rule->location);
	if (r == 0 || r == -ENOENT)
		rule_notes_strike(&rules->notes, rule->note);
	LIST_REMOVE(rule, link);
	free(rule);
}

static bool stands(const struct lease_rule *rule, const uint32_t *locations, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++)
		if (locations[i] == rule->location)
			return true;
	return false;
}

void rules_mend(struct rules *rules)
{
	struct lease_rule *rule;
	uint32_t n, *locations;
	if (LIST_EMPTY(&rules->list) || nic_rule_locations(rules->nic, &locations, &n) < 0)
		return;
	LIST_FOREACH (rule, &rules->list, link) {
		if (stands(rule, locations, n))
			continue;
		int r = nic_rule_add(rules->nic, &rule->match, &rule->location);
		if (r < 0)
			rule->location = NOWHERE;
		log_warn("%s: somebody removed a rule of zcrxd's; %s", rules->nic,
			 r < 0 ? "it cannot be set again, the flow is copied" : "set again");
	}
	free(locations);
}
