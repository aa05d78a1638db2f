/* SPDX-License-Identifier: MIT */
/*
 * A NIC that was made ready for leases (ready.h) is put back as it was. The journal knows how that
 * is, and keeps it until all of it has been put back, by whoever comes next.
 */
#ifndef ZCRX_NIC_RESTORE_H
#define ZCRX_NIC_RESTORE_H

#include "journal.h"
#include "say.h"

/*
 * Puts it back, after its queues have been let go: the kernel does that asynchronously, and this
 * waits for it, some seconds at most. Returns 0, -ENOENT if the journal has nothing about it,
 * -EBUSY if a queue is in use still, -ENODEV if it is not here; then nothing was changed, and the
 * journal stays for the next try.
 */
int nic_put_back(const char *dir, const char *nic, nic_say say);

/* All that the journal knows. Returns how many could not be put back. */
int nic_put_back_all(const char *dir, nic_say say);

/* Deletes all rules that steer to its queues. */
void nic_rules_sweep(const struct nic_before *b);

#endif
