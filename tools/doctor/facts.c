/* SPDX-License-Identifier: MIT */
/* Frees the facts. Only the lists of NICs, queues and processes are allocated. */
#include "tools/doctor/facts.h"

#include <stdlib.h>

void facts_done(struct facts *facts)
{
	for (unsigned i = 0; i < facts->n_nics; i++)
		nic_done(&facts->nics[i]);
	free(facts->nics);
	nic_holders_done(&facts->machine.holders);
	*facts = (struct facts){0};
}
