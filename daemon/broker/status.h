/* SPDX-License-Identifier: MIT */
/*
 * The status socket: whoever connects reads one JSON document until EOF (zcrxctl, nc -U, an
 * exporter).
 *
 * All that connect until a document is begun share it, so it is never older than their connection;
 * between two there is a pause. It is made on a thread of its own. So readers, however many, cost
 * the other threads next to nothing, and one processor no more than a fifth.
 */
#ifndef ZCRXD_STATUS_H
#define ZCRXD_STATUS_H

#include <sys/queue.h>
#include <systemd/sd-event.h>

#include "daemon/broker/pump_list.h"
#include "daemon/broker/refusal.h"
#include "daemon/broker/snapshot.h"
#include "daemon/common/work.h"

struct reader;
struct document;

TAILQ_HEAD(document_list, document);

struct status {
	sd_event *event; /* what this reports on; all borrowed */
	struct pumps *pumps;
	struct refusals *refusals;
	uint64_t started_usec;
	struct upgrades upgrades;         /* who makes them writes it */
	LIST_HEAD(, reader) readers;      /* all */
	struct document_list documents;   /* that are being read, the oldest first */
	struct document *making;          /* or NULL */
	struct work work;                 /* that makes it */
	int made;                         /* eventfd: it is made */
	sd_event_source *made_io, *pause; /* while that is on no document is begun */
	bool pausing;
};

/* Returns 0 or a negative errno; status_done() either way. */
int status_init(struct status *s, sd_event *event, struct pumps *pumps, struct refusals *refusals);
void status_done(struct status *s);

/*
 * Accepts a reader from the listening socket and serves it from the event loop. One too many, of
 * its user's or of all, is hung up on: slow ones of one user keep nobody else from reading.
 * Returns 0 or the negative errno of accept(2).
 */
int status_accept(struct status *s, int listener);

/* What status_accept() hangs up on, by the name of a listening socket that is no class. */
#define STATUS_SOCKET "status"

#endif
