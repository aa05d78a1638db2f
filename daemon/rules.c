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
};

void rules_init(struct rules *rules, const char *nic)
{
	rules->nic = nic;
	LIST_INIT(&rules->list);
}

static bool has(const struct rules *rules, const struct nic_rule *match)
{
	const struct lease_rule *rule;
	LIST_FOREACH (rule, &rules->list, link)
		if (nic_rule_same(&rule->match, match))
			return true;
	return false;
}

int rules_add(struct rules *rules, const struct nic_rule *match, struct lease_rule **ret)
{
	if (has(rules, match))
		return -EALREADY;
	struct lease_rule *rule = calloc(1, sizeof(*rule));
	if (!rule)
		return -ENOMEM;
	rule->match = *match;
	int r = nic_rule_add(rules->nic, &rule->match, &rule->location);
	if (r < 0) {
		free(rule);
		return r;
	}
	LIST_INSERT_HEAD(&rules->list, rule, link);
	*ret = rule;
	return 0;
}

void rules_del(const struct rules *rules, struct lease_rule *rule)
{
	if (rule->location != NOWHERE)
		nic_rule_del(rules->nic, rule->location);
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
