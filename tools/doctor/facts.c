/* SPDX-License-Identifier: MIT */
/* Memory of the facts: the only parts that grow are the lists of NICs, queues and processes. */
#include "facts.h"

#include <stdlib.h>
#include <string.h>

/* More than any driver has; a larger id is a misreading, not a reason to allocate. */
#define QUEUES_MAX 16384u

struct queue_facts *nic_queue(struct nic_facts *nic, uint32_t id)
{
	struct queue_facts *queues;

	if (id < nic->n_queues)
		return &nic->queues[id];
	if (id >= QUEUES_MAX)
		return NULL;
	queues = reallocarray(nic->queues, id + 1, sizeof(*queues));
	if (!queues)
		return NULL;
	memset(queues + nic->n_queues, 0, (id + 1 - nic->n_queues) * sizeof(*queues));
	nic->queues = queues;
	nic->n_queues = id + 1;
	return &queues[id];
}

void facts_done(struct facts *facts)
{
	for (unsigned i = 0; i < facts->n_nics; i++)
		free(facts->nics[i].queues);
	free(facts->nics);
	free(facts->machine.processes);
	*facts = (struct facts){0};
}
