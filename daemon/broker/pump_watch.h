/* SPDX-License-Identifier: MIT */
/* What happens to a pump, as the event loop brings it: messages, news for it, its process's end. */
#ifndef ZCRXD_PUMP_WATCH_H
#define ZCRXD_PUMP_WATCH_H

#include <stdbool.h>

#include "daemon/broker/pump_list.h"

/*
 * Reads the pump's link from now on, and waits for the end of its process. is_child: of this
 * process. Returns 0 or a negative errno.
 */
int pump_watch(struct pump *p, bool is_child);

#endif
