/* SPDX-License-Identifier: MIT */
#include "tests/harness/made_nic.h"

#include <errno.h>
#include <sys/eventfd.h>

#include "nic/bound.h"
#include "nic/journal.h"
#include "nic/ready.h"
#include "nic/restore.h"

_Atomic bool made_nic_bound;
int made_nic_restarts = -1;

int nic_facts_bound(const struct nic_facts *facts, const struct nic_queues *queues)
{
	(void)facts, (void)queues;
	return made_nic_bound;
}

int nic_make_ready(const char *dir, const char *nic, const struct nic_queues *queues, nic_say say,
		   char why[NIC_SENTENCE_BYTES])
{
	const struct nic_before before = {.name = MADE_NIC,
					  .card = {.ifindex = 1},
					  .queues = *queues};
	eventfd_t count;
	(void)nic, (void)say, (void)why;
	if (made_nic_restarts >= 0)
		eventfd_read(made_nic_restarts, &count);
	return journal_write(dir, &before);
}

int nic_keep_ready(const char *nic, const struct nic_queues *queues)
{
	(void)nic, (void)queues;
	return 0;
}

int nic_put_back(const char *dir, const char *nic, nic_say say)
{
	(void)say;
	return journal_remove(dir, nic);
}

int nic_put_back_all(const char *dir, nic_say say)
{
	(void)dir, (void)say;
	return 0;
}

/* No lease of a zcrxd before is taken over. */
int nic_journal_resume(const char *dir, const char *nic, const struct nic_queues *queues,
		       nic_say say, struct nic_before *ret)
{
	(void)dir, (void)nic, (void)queues, (void)say, (void)ret;
	return -ENOENT;
}
