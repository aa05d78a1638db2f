/* SPDX-License-Identifier: MIT */
/* Judges ntuple rules and further RSS contexts that are not zcrxd's. */
#include "nic/exclusive.h"
#include "tools/doctor/judge.h"

#include <inttypes.h>
#include <stdio.h>

#define RULES_SAID 16u

/* Writes the queues of a table as "2, 4-6". */
static void queues_text(const struct nic_table *t, unsigned n_queues, char *buf, size_t size)
{
	buf[0] = '\0';
	for (unsigned from = 0, to; from < n_queues; from = to + 1) {
		to = from;
		if (!nic_table_has(t, from))
			continue;
		while (to + 1 < n_queues && nic_table_has(t, to + 1))
			to++;
		text_add(buf, size, "%s%u", buf[0] ? ", " : "", from);
		if (to > from)
			text_add(buf, size, "-%u", to);
	}
}

static void judge_context(const struct nic_facts *nic, const struct nic_table *t, struct report *r)
{
	char queues[120];

	queues_text(t, nic->n_queues, queues, sizeof(queues));
	report_add(r, "other steering", "", VERDICT_HINT,
		   "RSS context %" PRIu32 " has queues %s: these are not leased", t->context,
		   queues);
	report_action(r, "ethtool -X %s context %" PRIu32 " delete, or give zcrxd other queues",
		      nic->link.name, t->context);
}

/* Can the rule be zcrxd's own, to a queue that it has leased? */
static bool may_be_ours(const struct nic_facts *nic, const struct nic_rule_at *rule)
{
	struct nic_rule plain;

	return nic_rule_is_plain(rule, &plain) && plain.queue < nic->n_queues &&
	       nic_queue_is_held(&nic->queues[plain.queue]);
}

static void judge_rule(const struct nic_facts *nic, const struct nic_rule_at *rule,
		       struct report *r)
{
	char match[NIC_MATCH_BYTES], where[48] = "leads to no queue";

	nic_rule_text(rule, match);
	if (rule->spread)
		snprintf(where, sizeof(where), "spreads by RSS context %" PRIu32, rule->context);
	else if (rule->queue != NIC_NO_QUEUE)
		snprintf(where, sizeof(where), "steers to queue %" PRIu32, rule->queue);
	report_add(r, "other steering", "", VERDICT_HINT, "ntuple rule %" PRIu32 " (%.100s) %s%s",
		   rule->location, match, where,
		   rule->may_be_tcp ? "; it goes before zcrxd's rules behind it" : "");
	report_action(r,
		      "if that is not wanted: ethtool -N %s delete %" PRIu32
		      "; what it leads to is not leased",
		      nic->link.name, rule->location);
}

static void judge_rules(const struct nic_facts *nic, struct report *r)
{
	const struct nic_steering *s = &nic->steering;
	unsigned said = 0, left = 0;

	for (uint32_t i = 0; i < s->n_rules; i++) {
		const struct nic_rule_at *rule = &s->rules[i];

		if (may_be_ours(nic, rule) || (rule->queue == NIC_NO_QUEUE && !rule->may_be_tcp))
			continue;
		if (said == RULES_SAID) {
			left++;
			continue;
		}
		said++;
		judge_rule(nic, rule, r);
	}
	if (left)
		report_add(r, "other steering", "", VERDICT_NOTE, "%u more ntuple rules like these",
			   left);
}

void judge_steering(const struct nic_facts *nic, struct report *r)
{
	const struct nic_steering *s = &nic->steering;

	for (uint32_t i = 0; i < s->n_tables; i++)
		if (s->tables[i].context)
			judge_context(nic, &s->tables[i], r);
	judge_rules(nic, r);
}
