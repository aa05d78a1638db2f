/* SPDX-License-Identifier: MIT */
#include "plan.h"

#include "drivers.h"
#include "holders.h"
#include "nic.h"

static const char *on_off(bool on)
{
	return on ? "on" : "off";
}

static void plan_rss(const struct nic_facts *facts, const struct nic_queues *queues, nic_say say)
{
	uint32_t leaving = 0;

	for (uint32_t i = 0; i < facts->n_queues; i++)
		leaving += facts->queues[i].in_rss && nic_queues_have(queues, i);
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

static void plan_queue(const struct nic_facts *facts, uint32_t id, nic_say say)
{
	const struct queue_facts *q = id < facts->n_queues ? &facts->queues[id] : NULL;

	if (id >= facts->ethtool.rx_queues)
		nic_tell(say, true, "queue %u: there is none; the interface has %u", id,
			 facts->ethtool.rx_queues);
	else if (q && nic_queue_is_held(q))
		plan_held(q, id, say);
	else if (q && q->rules)
		nic_tell(say, true, "queue %u: %u ntuple rules steer to it; they have to go first",
			 id, q->rules);
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
	driver = driver_find(e->driver);
	nic_tell(say, false, "whom it disturbs (%s): %s", e->driver,
		 driver && driver->disturbance ? driver->disturbance : "not known of this driver");
	nic_tell(say, false,
		 "All of it is put back some time after the last lease (linger-seconds).");
	nic_done(&facts);
	return 0;
}
