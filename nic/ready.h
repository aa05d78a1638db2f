/* SPDX-License-Identifier: MIT */
/*
 * A NIC is made ready for leases: header split on and its threshold 0, ntuple rules on, the queues
 * that may be leased out of the RSS table.
 *
 * What it was like is in the journal (journal.h) before the first change, for restore.h.
 */
#ifndef ZCRX_NIC_READY_H
#define ZCRX_NIC_READY_H

#include <stdint.h>

#include "nic/before.h"
#include "nic/queues.h"
#include "nic/say.h"

#define NIC_SENTENCE_BYTES 200

/*
 * Makes it ready. On failure everything is as it was, and why says what is missing. Returns 0 or a
 * negative errno. A journal of another card is told to say.
 */
int nic_make_ready(const char *dir, const char *nic, const struct nic_queues *queues, nic_say say,
		   char why[NIC_SENTENCE_BYTES]);

/*
 * Has the journal in the folder know what the NIC was like, and all of our queues. What it knows
 * already is older, and stays; queues that zcrxd has been given since are added. Rules in it are
 * those of a process that died, or of leases that are over: they are deleted. Returns and tells as
 * nic_make_ready(), which calls it.
 */
int nic_journal_begin(const char *dir, const struct nic_before *b, nic_say say,
		      char why[NIC_SENTENCE_BYTES]);

/*
 * Keeps it ready, should somebody have spread packets over the queues again, or switched ntuple
 * rules off. Returns how much was put right, or a negative errno.
 */
int nic_keep_ready(const char *nic, const struct nic_queues *queues);

#endif
