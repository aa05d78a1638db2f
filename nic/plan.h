/* SPDX-License-Identifier: MIT */
/* Says beforehand what making a NIC ready (ready.h) would change. */
#ifndef ZCRX_NIC_PLAN_H
#define ZCRX_NIC_PLAN_H

#include "nic/queues.h"
#include "nic/say.h"

/* Says what nic_make_ready() would change and whom that disturbs. Returns 0 or -ENODEV. */
int nic_plan(const char *nic, const struct nic_queues *queues, nic_say say);

#endif
