/* SPDX-License-Identifier: MIT */
#ifndef ZCRXD_PUMP_SHOWN_H
#define ZCRXD_PUMP_SHOWN_H

#include "daemon/pump/model.h"

/*
 * What the status is to show of the client (daemon/link/shown.h), for which its lock is held no
 * longer than copying takes. Returns a memfd or a negative errno.
 */
int shown_make(struct client *c);

#endif
