/* SPDX-License-Identifier: MIT */
/*
 * Puts a NIC back as it was before it was made ready for leases (ready.h). The journal has its
 * former state, and stays until all of it has been put back, perhaps by a later process.
 */
#ifndef ZCRX_NIC_RESTORE_H
#define ZCRX_NIC_RESTORE_H

#include "nic/journal.h"
#include "nic/say.h"

/*
 * Reads what the journal says of the NIC. A journal that cannot be used is set aside, and `say` is
 * told: -EBADMSG if it makes no sense; -ESTALE if it is of another card that had the name; -ENOENT
 * if it is of an earlier boot, as if there were none, since the reboot has reset the NIC. Other
 * errors: -ENODEV if the NIC is not here, or the errno why the journal can be neither read nor set
 * aside.
 */
int nic_before_get(const char *dir, const char *nic, nic_say say, struct nic_before *ret);

/*
 * Puts the NIC back once its queues have been let go. The kernel does that asynchronously, so this
 * waits some seconds at most. Returns 0, an error of nic_before_get(), or -EBUSY if a queue is
 * still in use. On an error some of the NIC may have been put back; the journal stays for the next
 * try, unless it was set aside.
 */
int nic_put_back(const char *dir, const char *nic, nic_say say);

/* Puts back all NICs that have a journal. Returns how many could not be put back. */
int nic_put_back_all(const char *dir, nic_say say);

#endif
