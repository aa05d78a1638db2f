/* SPDX-License-Identifier: MIT */
/* What making a NIC ready (ready.h) would be like, told beforehand. */
#ifndef ZCRX_NIC_PLAN_H
#define ZCRX_NIC_PLAN_H

#include "nic/queues.h"
#include "nic/say.h"

/* Says what nic_make_ready() would change and whom that disturbs. Returns 0 or -ENODEV. */
int nic_plan(const char *nic, const struct nic_queues *queues, nic_say say);

#endif
