/* SPDX-License-Identifier: MIT */
/* What the broker tells pumps unasked: START, CLASS, STOP. On the control thread. */
#ifndef ZCRXD_PUMP_TELL_H
#define ZCRXD_PUMP_TELL_H

#include <stdbool.h>

#include "daemon/broker/pump_list.h"

/* The first thing that a pump is told. Returns 0 or a negative errno. */
int pump_tell_start(struct pump *p);

/* Tells all pumps that another policy is in force. Have all of them read it by now? */
void pumps_policy(struct pumps *all);
bool pumps_have_policy(const struct pumps *all);

/* Tells all of them to end. */
void pumps_stop(struct pumps *all);

#endif
