/* SPDX-License-Identifier: MIT */
#include "daemon/grant/holder.h"

#include "nic/holders.h"
#include "nic/nic.h"

bool holder_say(const char *nic, uint32_t rxq, char *ret, size_t bytes)
{
	struct nic_facts facts;
	struct nic_holders holders;
	if (nic_gather_named(&facts, nic) < 0)
		return false;
	bool held = rxq < facts.n_queues && nic_queue_is_held(&facts.queues[rxq]);
	if (held) {
		nic_holders_get(&holders);
		nic_holders_say(&holders, &facts.queues[rxq], ret, bytes);
		nic_holders_done(&holders);
	}
	nic_done(&facts);
	return held;
}
