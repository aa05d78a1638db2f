/* SPDX-License-Identifier: MIT */
/*
 * Who is let in by zcrxd's listening sockets, and when. A client gets a pump or a refusal, a reader
 * of the status the document. A listening socket is not looked at while it has as many refused
 * connections as it may, for a moment when many have just come, while zcrxd has no descriptor or
 * memory left for whoever would come, and while zcrxd is held; whoever connects waits there. For
 * the control thread only.
 */
#ifndef ZCRXD_ACCEPTING_H
#define ZCRXD_ACCEPTING_H

#include <stdbool.h>
#include <stdint.h>
#include <systemd/sd-event.h>

#include "daemon/broker/listener.h"
#include "daemon/broker/pump_list.h"
#include "daemon/broker/refusal.h"
#include "daemon/broker/status.h"

struct accepting {
	sd_event *event; /* borrowed, as are the next three */
	struct listeners *listeners;
	struct pumps *pumps;
	struct status *status;
	uint32_t next_id; /* of the client that was accepted last */
	struct refusals refusals;
	int ended;             /* eventfd: the thread of a refusal has ended */
	sd_event_source *rest; /* until then no listening socket is looked at */
	int spare;   /* a descriptor to have one when there is none; -1 until the rest is over */
	bool held;   /* nobody is accepted */
	bool closed; /* every client is refused with SHUTDOWN */
	void (*on_ended)(void *data); /* refused connections have ended; with ended_data */
	void *ended_data;
};

/*
 * The caller has filled in what is borrowed, and on_ended with its data. Until accepting_begin()
 * nobody is accepted. Returns 0 or a negative errno.
 */
int accepting_init(struct accepting *a);
int accepting_begin(struct accepting *a);
void accepting_done(struct accepting *a);

/* Accepts at the sockets of classes that have come since. Returns 0 or a negative errno. */
int accepting_classes(struct accepting *a);

/* While held, nobody is accepted. */
void accepting_hold(struct accepting *a, bool held);

#endif
