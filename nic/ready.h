/* SPDX-License-Identifier: MIT */
/*
 * Makes a NIC ready for leases: header split is on with the threshold 0, ntuple rules are on, and
 * the queues that may be leased are not in the RSS table. How the NIC was is written to the journal
 * (journal.h) before the first change, for restore.h.
 */
#ifndef ZCRX_NIC_READY_H
#define ZCRX_NIC_READY_H

#include <stdint.h>

#include "nic/before.h"
#include "nic/queues.h"
#include "nic/say.h"

#define NIC_SENTENCE_BYTES 200

/*
 * Makes the NIC ready. On failure everything is as it was, and `why` says what is missing. Returns
 * 0 or a negative errno. `say` is told of a journal that is another card's.
 */
int nic_make_ready(const char *dir, const char *nic, const struct nic_queues *queues, nic_say say,
		   char why[NIC_SENTENCE_BYTES]);

/*
 * Makes sure that the journal has the NIC's state and all of zcrxd's queues. A state that the
 * journal has already is older, and stays; queues that zcrxd was given since are added. Rules in
 * the journal are of a process that died or of leases that are over: they are deleted.
 * nic_make_ready() calls this; it returns and tells the same.
 */
int nic_journal_begin(const char *dir, const struct nic_before *b, nic_say say,
		      char why[NIC_SENTENCE_BYTES]);

/*
 * Takes over a journal whose rules stay: queues that zcrxd was given since are added. *ret becomes
 * what it says; nic_before_done() frees that. Returns 0 or an error of nic_before_get().
 */
int nic_journal_resume(const char *dir, const char *nic, const struct nic_queues *queues,
		       nic_say say, struct nic_before *ret);

/*
 * Makes the NIC ready again after somebody has spread packets over the queues or switched ntuple
 * rules off. Returns how many things were put right, or a negative errno.
 */
int nic_keep_ready(const char *nic, const struct nic_queues *queues);

#endif
