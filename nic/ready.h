/* SPDX-License-Identifier: MIT */
/*
 * A NIC is made ready for leases, and put back as it was: header split on and its threshold 0,
 * ntuple rules on, the queues that may be leased out of the RSS table.
 *
 * What it was like is in the journal before the first change (journal.h), and stays there until all
 * of it has been put back, by whoever comes next.
 */
#ifndef ZCRX_NIC_READY_H
#define ZCRX_NIC_READY_H

#include <stdbool.h>
#include <stdint.h>

#include "queues.h"

#define NIC_SENTENCE_BYTES 200

/* Gets a line to be shown; trouble: something went wrong. */
typedef void (*nic_say)(bool trouble, const char *line);

/*
 * Makes it ready. On failure everything is as it was, and why says what is missing. Returns 0 or a
 * negative errno.
 */
int nic_make_ready(const char *dir, const char *nic, const struct nic_queues *queues,
		   char why[NIC_SENTENCE_BYTES]);

/*
 * Keeps it ready, should somebody have spread packets over the queues again, or switched ntuple
 * rules off. Returns how much was put right, or a negative errno.
 */
int nic_keep_ready(const char *nic, const struct nic_queues *queues);

/*
 * Puts it back, after its queues have been let go: the kernel does that asynchronously, and this
 * waits for it, some seconds at most. Returns 0, -ENOENT if the journal has nothing about it,
 * -EBUSY if a queue is in use still, -ENODEV if it is not here; then nothing was changed, and the
 * journal stays for the next try.
 */
int nic_put_back(const char *dir, const char *nic, nic_say say);

/* All that the journal knows. Returns how many could not be put back. */
int nic_put_back_all(const char *dir, nic_say say);

/* Says what nic_make_ready() would change and whom that disturbs. Returns 0 or -ENODEV. */
int nic_plan(const char *nic, const struct nic_queues *queues, nic_say say);

#endif
