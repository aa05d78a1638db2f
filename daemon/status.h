/* SPDX-License-Identifier: MIT */
/*
 * The status socket: whoever connects reads one JSON document until EOF (zcrxctl, nc -U, an
 * exporter).
 */
#ifndef ZCRXD_STATUS_H
#define ZCRXD_STATUS_H

#include <systemd/sd-event.h>

#include "model.h"

struct status {
	sd_event *event; /* what this reports on; all borrowed */
	const struct client_list *clients;
	uint64_t started_usec;
	uint32_t readers; /* being served */
};

void status_init(struct status *s, sd_event *event, const struct client_list *clients);

/*
 * Accepts a reader from the listening socket and serves it from the event loop. Returns 0 or the
 * negative errno of accept(2).
 */
int status_accept(struct status *s, int listener);

#endif
