/* SPDX-License-Identifier: MIT */
/* How a pump begins: its link, its process, its record. On the control thread. */
#ifndef ZCRXD_PUMP_START_H
#define ZCRXD_PUMP_START_H

#include <stdint.h>

#include "daemon/broker/pump_list.h"

/*
 * Starts a pump for a client that was admitted. Borrows the client's socket, which the caller
 * closes afterwards. On success the charges of *who are the pump's. Returns 0 or a negative errno.
 */
int pump_start(struct pumps *all, int client, uint32_t id, const struct client_identity *who);

/* A pump without a process, for pump_free(), on no list yet. Returns NULL without memory. */
struct pump *pump_new(struct pumps *all, uint32_t id, const struct client_identity *who);

/* Makes the pump's link. Returns the pump's end of it, or a negative errno. */
int pump_link_make(struct pump *p);

#endif
