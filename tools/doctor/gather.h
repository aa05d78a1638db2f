/* SPDX-License-Identifier: MIT */
/*
 * The gatherers, one file for each source of facts. None fails: for what cannot be learned the
 * reason is kept. None changes anything.
 */
#ifndef ZCRX_DOCTOR_GATHER_H
#define ZCRX_DOCTOR_GATHER_H

#include "tools/doctor/facts.h"

void kernel_gather(struct kernel_facts *kernel);
void uring_gather(struct uring_facts *uring);
void pumps_gather(struct pump_facts *pumps);
void limits_gather(struct limit_facts *limits);

#endif
