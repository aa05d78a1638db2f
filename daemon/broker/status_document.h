/* SPDX-License-Identifier: MIT */
/*
 * A document of the status: first a note of which clients there are, taken on the control thread;
 * then the text, which any thread makes of what their reports say.
 */
#ifndef ZCRXD_STATUS_DOCUMENT_H
#define ZCRXD_STATUS_DOCUMENT_H

#include <stddef.h>
#include <stdint.h>
#include <sys/queue.h>

#include "daemon/broker/pump_list.h"
#include "daemon/broker/snapshot.h"

struct document {
	TAILQ_ENTRY(document) link;
	struct snapshot snapshot; /* what it is made of; nothing once it is made */
	char *text;               /* NULL: there was no memory for it */
	size_t bytes;
	uint32_t readers;   /* that wait for it or read it; the status counts them */
	uint64_t cost_usec; /* of a processor's time */
};

/* Notes the clients of these pumps. Returns NULL without memory. */
struct document *document_new(const struct pumps *pumps, const struct upgrades *upgrades,
			      uint64_t uptime_s);

/* Makes the text of a document, once: data is the document. */
void document_make(void *data);

/* The text must have been made. */
void document_free(struct document *d);

#endif
