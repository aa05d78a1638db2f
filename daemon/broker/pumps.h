/* SPDX-License-Identifier: MIT */
/* All pumps together: their beginning, what is held before an upgrade, the last end. */
#ifndef ZCRXD_PUMPS_H
#define ZCRXD_PUMPS_H

#include <stdbool.h>

#include "daemon/broker/pump_list.h"

/* clients: the path of the clients' socket. Returns 0 or a negative errno; pumps_done() either way.
 */
int pumps_init(struct pumps *all, sd_event *event, bool verbose, const char *clients);
void pumps_done(struct pumps *all);

/* While they are held, no link is read, and no job is begun. */
void pumps_hold(struct pumps *all, bool held);

/* Kills those that have not ended: a thread of theirs is stuck, and ends when its client lets go.
 */
void pumps_kill(struct pumps *all);

#endif
