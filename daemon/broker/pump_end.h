/* SPDX-License-Identifier: MIT */
/* The end of a pump, and what becomes of what it had. On the control thread. */
#ifndef ZCRXD_PUMP_END_H
#define ZCRXD_PUMP_END_H

#include "daemon/broker/pump_list.h"

/*
 * The pump's process has ended: once no work of the pump's is under way, its leases end, on a
 * thread, then all the rest. To be called again whenever work of the pump's is over.
 */
void pump_wind_up(struct pump *p);

/* Frees a pump that is on no list and has leased nothing. */
void pump_free(struct pump *p);

#endif
