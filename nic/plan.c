/* SPDX-License-Identifier: MIT */
#include "nic/plan.h"

#include <string.h>

#include "nic/drivers.h"
#include "nic/exclusive.h"
#include "nic/holders.h"
#include "nic/nic.h"

#define INTRUDERS_SAID 16u

static const char *on_off(bool on)
{
	return on ? "on" : "off";
}

static void plan_rss(const struct nic_facts *facts, const struct nic_queues *queues, nic_say say)
{
	const struct nic_table *table = nic_steering_table(&facts->steering, 0);
	uint32_t leaving = 0;

	for (uint32_t i = 0; i < queues->n; i++)
		leaving += nic_table_has(table, queues->ids[i]);
	if (leaving)
		nic_tell(say, false,
			 "RSS table: %u queues leave it; what came to them goes to the others",
			 leaving);
	else
		nic_tell(say, false, "RSS table: stays, none of the queues is in it");
}

static void plan_held(const struct queue_facts *q, uint32_t id, nic_say say)
{
	struct nic_holders holders;
	char who[200];

	nic_holders_get(&holders);
	nic_holders_say(&holders, q, who, sizeof(who));
	nic_holders_done(&holders);
	nic_tell(say, true, "queue %u: is held: %s", id, who);
}

static const struct queue_facts *queue_find(const struct nic_facts *facts, uint32_t id)
{
	return id < facts->n_queues ? &facts->queues[id] : NULL;
}

/* Can the intruder be a rule of zcrxd's own, to a queue that it has leased? */
static bool may_be_ours(const struct nic_facts *facts, const struct nic_intruder *i)
{
	const struct queue_facts *q = queue_find(facts, i->queue);
	struct nic_rule plain;

	return i->rule && nic_rule_is_plain(i->rule, &plain) && q && nic_queue_is_held(q);
}

/*
 * Says which rules and further RSS tables lead packets to the queue. Making the NIC ready does not
 * change them.
 */
static void plan_intruders(const struct nic_facts *facts, uint32_t id, nic_say say)
{
	struct nic_intruder found[INTRUDERS_SAID];
	char text[NIC_INTRUDER_BYTES];
	uint32_t n = nic_intruders(&facts->steering, id, found, INTRUDERS_SAID);

	for (uint32_t i = 0; i < n && i < INTRUDERS_SAID; i++) {
		if (found[i].kind == NIC_INTRUDER_TABLE || may_be_ours(facts, &found[i]))
			continue;
		nic_intruder_text(&found[i], text);
		nic_tell(say, true, "queue %u: %s; while that is so it is not leased", id, text);
	}
	if (n > INTRUDERS_SAID)
		nic_tell(say, true, "queue %u: ... and %u more", id, n - INTRUDERS_SAID);
}

static void plan_queue(const struct nic_facts *facts, uint32_t id, nic_say say)
{
	const struct queue_facts *q = queue_find(facts, id);

	if (id >= facts->ethtool.rx_queues)
		nic_tell(say, true, "queue %u: there is none; the interface has %u", id,
			 facts->ethtool.rx_queues);
	else if (q && nic_queue_is_held(q))
		plan_held(q, id, say);
	plan_intruders(facts, id, say);
}

/* Says which rules could take packets of zcrxd's rules, if zcrxd's come to stand behind them. */
static void plan_precedence(const struct nic_facts *facts, const struct nic_queues *queues,
			    nic_say say)
{
	const struct nic_steering *s = &facts->steering;
	char match[NIC_MATCH_BYTES];
	uint32_t said = 0;

	for (uint32_t i = 0; i < s->n_rules; i++) {
		const struct nic_rule_at *rule = &s->rules[i];

		if (!rule->may_be_tcp || (!rule->spread && nic_queues_have(queues, rule->queue)))
			continue;
		if (said++ == INTRUDERS_SAID) {
			nic_tell(say, false, "... and more ntuple rules like these");
			return;
		}
		nic_rule_text(rule, match);
		nic_tell(say, false,
			 "ntuple rule %u (%s) goes before rules of zcrxd's that stand behind it: "
			 "flows that it matches are copied",
			 rule->location, match);
	}
}

int nic_plan(const char *nic, const struct nic_queues *queues, nic_say say)
{
	struct nic_facts facts;
	const struct driver *driver;
	const struct ethtool_facts *e = &facts.ethtool;
	int r = nic_gather_named(&facts, nic);

	if (r < 0)
		return r;
	nic_tell(say, false, "header split: %s -> on",
		 e->split == TRI_YES  ? "on"
		 : e->split == TRI_NO ? "off"
				      : "auto");
	if (e->thresh_known == TRI_YES)
		nic_tell(say, false, "hds-thresh: %u -> 0", e->thresh);
	nic_tell(say, false, "ntuple rules: %s -> on", on_off(e->ntuple.active));
	plan_rss(&facts, queues, say);
	for (uint32_t i = 0; i < queues->n; i++)
		plan_queue(&facts, queues->ids[i], say);
	plan_precedence(&facts, queues, say);
	if (facts.steering.rss_err)
		nic_tell(say, true, "whether there are further RSS contexts is not known: %s",
			 strerrordesc_np(-facts.steering.rss_err));
	driver = driver_find(e->driver);
	nic_tell(say, false, "whom it disturbs (%s): %s", e->driver,
		 driver && driver->disturbance ? driver->disturbance : "not known of this driver");
	nic_tell(say, false,
		 "All of it is put back some time after the last lease (linger-seconds).");
	nic_done(&facts);
	return 0;
}
