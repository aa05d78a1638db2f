/* SPDX-License-Identifier: MIT */
/*
 * A NIC that was made ready for leases (ready.h) is put back as it was. The journal knows how that
 * is, and keeps it until all of it has been put back, by whoever comes next.
 */
#ifndef ZCRX_NIC_RESTORE_H
#define ZCRX_NIC_RESTORE_H

#include "nic/journal.h"
#include "nic/say.h"

/*
 * What the journal says of it. A journal that is not to be used is said to be so and set aside: it
 * makes no sense (-EBADMSG), it is of another card that had the name (-ESTALE), or of an earlier
 * boot (-ENOENT, as if there were none: the reboot has reset the NIC). Other errors: -ENODEV, the
 * NIC is not here; or the journal is there and could be neither read nor set aside.
 */
int nic_before_get(const char *dir, const char *nic, nic_say say, struct nic_before *ret);

/*
 * Puts it back, after its queues have been let go: the kernel does that asynchronously, and this
 * waits for it, some seconds at most. Returns 0, an error of nic_before_get(), or -EBUSY if a queue
 * is in use still. On an error nothing was changed, or not all of it; what the journal says stays
 * for the next try, unless it was set aside.
 */
int nic_put_back(const char *dir, const char *nic, nic_say say);

/* All that the journal knows. Returns how many could not be put back. */
int nic_put_back_all(const char *dir, nic_say say);

#endif
