/* SPDX-License-Identifier: MIT */
#include "daemon/grant/pick.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/grant/guard.h"
#include "nic/ethtool.h"
#include "nic/nic.h"
#include "policy/config.h"
#include "proto/reason.h"

int pick_init(struct pick *p, const struct config_nic *config)
{
	size_t n = config->queues.n + 1; /* never none: calloc() may return NULL for 0 */
	*p = (struct pick){.config = config,
			   .taken = calloc(n, sizeof(bool)),
			   .free = calloc(n, sizeof(bool)),
			   .reached = calloc(n, sizeof(bool))};
	if (p->taken && p->free && p->reached)
		return 0;
	free(p->taken);
	free(p->free);
	free(p->reached);
	return -ENOMEM;
}

static bool may_have(const struct policy_class *class, const struct config_nic *config, uint32_t i)
{
	const struct policy_request r = {.what = POLICY_LEASE,
					 .nic = config->name,
					 .rxq = config->queues.ids[i]};
	return policy_judge(class, &r).reason == REASON_NONE;
}

uint32_t pick_all(const struct pick *p, const struct policy_class *class)
{
	uint32_t n = 0;
	for (uint32_t i = 0; i < p->config->queues.n; i++)
		n += may_have(class, p->config, i);
	return n;
}

uint32_t pick_free(struct pick *p, const struct policy_class *class)
{
	uint32_t n = 0;
	for (uint32_t i = 0; i < p->config->queues.n; i++) {
		p->free[i] = !p->taken[i] && may_have(class, p->config, i);
		n += p->free[i];
	}
	return n;
}

/* Adds queues that another program holds, or queues that nobody holds. Returns how many there are.
 */
static uint32_t add(const struct pick *p, const struct nic_facts *facts, bool held, uint32_t n,
		    struct guarded *lease)
{
	const struct nic_queues *queues = &p->config->queues;
	for (uint32_t i = 0; i < queues->n && n < lease->n; i++) {
		uint32_t id = queues->ids[i];
		bool is = id < facts->n_queues && nic_queue_is_held(&facts->queues[id]);
		if (is == held && p->free[i] && !p->reached[i])
			lease->rxqs[n++] = id;
	}
	return n;
}

/* Finds out which free queues packets of others are led to; a sentence about the first, or "". */
static int survey(struct pick *p, struct guard *guard, uint32_t ifindex, bool left_behind,
		  char reached[NIC_SENTENCE_BYTES], char why[NIC_SENTENCE_BYTES])
{
	memcpy(p->reached, p->free, p->config->queues.n * sizeof(*p->reached));
	int r = guard_survey(guard, ifindex, left_behind, p->reached, reached);
	if (r < 0)
		snprintf(why, NIC_SENTENCE_BYTES,
			 "Whether packets of others come to queues of %s cannot be told: %s.",
			 p->config->name, strerrordesc_np(-r));
	return r;
}

int pick_queues(struct pick *p, struct guard *guard, uint32_t ifindex, bool left_behind,
		struct guarded *lease, char why[NIC_SENTENCE_BYTES])
{
	char reached[NIC_SENTENCE_BYTES];
	int r = survey(p, guard, ifindex, left_behind, reached, why);
	if (r < 0)
		return r;
	struct nic_facts facts = {.link.ifindex = ifindex};
	netdev_genl_queues(&facts);
	uint32_t n = add(p, &facts, false, 0, lease);
	n = add(p, &facts, true, n, lease);
	nic_done(&facts);
	if (n == lease->n)
		return 0;
	snprintf(why, NIC_SENTENCE_BYTES, "%s", reached);
	return -EBUSY;
}

static bool may_be_leased(const struct pick *p, uint32_t rxq)
{
	for (uint32_t i = 0; i < p->config->queues.n; i++)
		if (p->config->queues.ids[i] == rxq)
			return !p->taken[i];
	return false;
}

int pick_again(const struct pick *p, const uint32_t *rxqs, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++)
		if (!may_be_leased(p, rxqs[i]))
			return -EBUSY;
	return 0;
}

void pick_mark(struct pick *p, const uint32_t *rxqs, uint32_t n, bool taken)
{
	for (uint32_t i = 0; i < p->config->queues.n; i++)
		for (uint32_t k = 0; k < n; k++)
			if (p->config->queues.ids[i] == rxqs[k])
				p->taken[i] = taken;
}
