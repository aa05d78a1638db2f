/* SPDX-License-Identifier: MIT */
#include "nic/exclusive.h"

#include <stdio.h>
#include <stdlib.h>

static struct nic_rule_at *rule_find(const struct nic_steering *s, uint32_t location)
{
	uint32_t low = 0, high = s->n_rules;

	while (low < high) {
		uint32_t middle = low + (high - low) / 2;

		if (s->rules[middle].location == location)
			return &s->rules[middle];
		if (s->rules[middle].location < location)
			low = middle + 1;
		else
			high = middle;
	}
	return NULL;
}

/*
 * Finds a rule that takes all packets of ours. The first rule that matches a packet decides
 * (linux/ethtool.h), so it is one with a smaller location.
 */
static const struct nic_rule_at *overruled(const struct nic_steering *s,
					   const struct nic_own_rule *own)
{
	for (uint32_t i = 0; i < s->n_rules && s->rules[i].location < own->location; i++)
		if (!s->rules[i].own &&
		    nic_rule_overlap(&s->rules[i], &own->rule) == NIC_OVERLAP_ALL)
			return &s->rules[i];
	return NULL;
}

void nic_exclusive_judge(struct nic_steering *s, struct nic_own_rule *own, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++) {
		struct nic_rule_at *at =
			own[i].location == NIC_NOWHERE ? NULL : rule_find(s, own[i].location);
		bool is = at && nic_rule_is(at, &own[i].rule);

		own[i].state = is ? NIC_OWN_STANDS : at ? NIC_OWN_REPLACED : NIC_OWN_GONE;
		own[i].moved = !nic_place_same(&own[i].judged, &own[i].now);
		if (is)
			at->own = true;
	}
	for (uint32_t i = 0; i < n; i++)
		own[i].overruled = own[i].state == NIC_OWN_STANDS ? overruled(s, &own[i]) : NULL;
}

/*
 * Can the rule lead to the queue through its RSS table? The rule's queue number is added to each
 * entry's. A table that is not known may have any entry.
 */
static bool spreads_to(const struct nic_steering *s, const struct nic_rule_at *rule, uint32_t queue)
{
	const struct nic_table *t = nic_steering_table(s, rule->context);

	if (!t || t->n == 0)
		return true;
	return queue >= rule->queue && nic_table_has(t, queue - rule->queue);
}

static bool leads_to(const struct nic_steering *s, const struct nic_rule_at *rule, uint32_t queue)
{
	if (rule->own || rule->queue == NIC_NO_QUEUE)
		return false;
	return rule->spread ? spreads_to(s, rule, queue) : rule->queue == queue;
}

static void note(struct nic_intruder *ret, uint32_t room, uint32_t *n, const struct nic_intruder *i)
{
	if (*n < room)
		ret[*n] = *i;
	++*n;
}

uint32_t nic_intruders(const struct nic_steering *s, uint32_t queue, struct nic_intruder *ret,
		       uint32_t room)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < s->n_tables; i++) {
		const struct nic_table *t = &s->tables[i];

		if (nic_table_has(t, queue))
			note(ret, room, &n,
			     &(struct nic_intruder){.kind = t->context ? NIC_INTRUDER_CONTEXT
								       : NIC_INTRUDER_TABLE,
						    .queue = queue,
						    .context = t->context});
	}
	for (uint32_t i = 0; i < s->n_rules; i++) {
		const struct nic_rule_at *rule = &s->rules[i];

		if (leads_to(s, rule, queue))
			note(ret, room, &n,
			     &(struct nic_intruder){.kind = rule->spread ? NIC_INTRUDER_SPREAD
									 : NIC_INTRUDER_RULE,
						    .queue = queue,
						    .context = rule->context,
						    .rule = rule});
	}
	return n;
}

/* Describes the intruder in words. match is " (what it matches)", or "". */
static void say(const struct nic_intruder *i, const char *match, char text[NIC_INTRUDER_BYTES])
{
	uint32_t number = i->rule ? i->rule->location : 0;

	switch (i->kind) {
	case NIC_INTRUDER_TABLE:
		snprintf(text, NIC_INTRUDER_BYTES, "the RSS table spreads packets over queue %u",
			 i->queue);
		break;
	case NIC_INTRUDER_CONTEXT:
		snprintf(text, NIC_INTRUDER_BYTES, "RSS context %u includes queue %u", i->context,
			 i->queue);
		break;
	case NIC_INTRUDER_RULE:
		snprintf(text, NIC_INTRUDER_BYTES,
			 "ntuple rule %u%s, which is not zcrxd's, steers to queue %u", number,
			 match, i->queue);
		break;
	case NIC_INTRUDER_SPREAD:
		snprintf(text, NIC_INTRUDER_BYTES,
			 "ntuple rule %u%s spreads packets by RSS context %u over queue %u", number,
			 match, i->context, i->queue);
		break;
	}
}

void nic_intruder_text(const struct nic_intruder *i, char text[NIC_INTRUDER_BYTES])
{
	char match[NIC_MATCH_BYTES] = "", in_brackets[NIC_MATCH_BYTES + 4] = "";

	if (i->rule) {
		nic_rule_text(i->rule, match);
		snprintf(in_brackets, sizeof(in_brackets), " (%.*s)",
			 i->kind == NIC_INTRUDER_SPREAD ? 60 : 90, match);
	}
	say(i, in_brackets, text);
}

void nic_intruder_number(const struct nic_intruder *i, char text[NIC_INTRUDER_BYTES])
{
	say(i, "", text);
}
