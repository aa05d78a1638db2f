/* SPDX-License-Identifier: MIT */
/*
 * The gatherers, one file per origin. None of them fails: what cannot be learned is recorded with
 * its reason. None changes anything.
 */
#ifndef ZCRX_DOCTOR_GATHER_H
#define ZCRX_DOCTOR_GATHER_H

#include "facts.h"

void kernel_gather(struct kernel_facts *kernel);
void uring_gather(struct uring_facts *uring);
void limits_gather(struct limit_facts *limits);
void processes_gather(struct machine_facts *machine);

/*
 * Lists the links of this network namespace, with what they stand on and what stands on them.
 * Returns 0 or a negative errno; the caller frees the list.
 */
int links_gather(struct link_facts **ret, unsigned *ret_n);

/* These fill a NIC whose `link` is set. */
void ethtool_nl_gather(struct nic_facts *nic);
void ethtool_ioctl_gather(struct nic_facts *nic);
void netdev_genl_gather(struct nic_facts *nic);

#endif
