/* SPDX-License-Identifier: MIT */
/*
 * The status socket: whoever connects reads one JSON document until EOF (zcrxctl, nc -U, an
 * exporter).
 */
#ifndef ZCRXD_STATUS_H
#define ZCRXD_STATUS_H

#include <sys/queue.h>
#include <systemd/sd-event.h>

#include "model.h"

struct status {
	sd_event *event; /* what this reports on; all borrowed */
	const struct client_list *clients;
	uint64_t started_usec;
	LIST_HEAD(, reader) readers; /* being served */
};

void status_init(struct status *s, sd_event *event, const struct client_list *clients);

/*
 * Accepts a reader from the listening socket and serves it from the event loop. One too many, of
 * its user's or of all, is hung up on: slow ones of one user keep nobody else from reading.
 * Returns 0 or the negative errno of accept(2).
 */
int status_accept(struct status *s, int listener);

#endif
