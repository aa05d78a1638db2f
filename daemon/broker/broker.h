/* SPDX-License-Identifier: MIT */
/*
 * The control thread: accepts clients, starts a pump for each, serves the pumps, answers the status
 * socket. It waits for nobody.
 */
#ifndef ZCRXD_BROKER_H
#define ZCRXD_BROKER_H

#include <sys/queue.h>
#include <systemd/sd-event.h>

#include "daemon/broker/listener.h"
#include "daemon/broker/nic_watch.h"
#include "daemon/broker/pump_list.h"
#include "daemon/broker/refusal.h"
#include "daemon/broker/status.h"
#include "policy/config.h"

struct broker {
	sd_event *event; /* borrowed */
	struct listeners *listeners;
	struct pumps pumps;
	uint32_t next_id;
	int ended; /* eventfd: the thread of a refusal has ended */
	struct refusals refusals;
	struct status status;
	sd_event_source *rest; /* until then no listening socket is looked at */
	struct nic_watch nics;
	int spare; /* a descriptor to have one when there is none; -1 until the rest is over */
	bool stopping;
	bool held;
};

/* Returns 0 or a negative errno. Borrows what it is given, but takes over what its policy holds. */
int broker_init(struct broker *b, sd_event *event, struct listeners *l, struct config *config,
		bool verbose);

/*
 * Puts another policy in force, taking it over, and has the classes' sockets that it says. Clients
 * keep what they have. Returns 0, or a negative errno: then nothing has changed, or memory is out.
 */
int broker_reload(struct broker *b, struct config *config);

/*
 * Tells all pumps to end; the event loop exits when they have, or after a few seconds: one may be
 * stuck in a socket whose lock its client holds, and ends with that.
 */
void broker_stop(struct broker *b);

/*
 * While held, nobody is accepted and nothing new is begun for pumps: they wait. broker_is_busy()
 * returns what of that which was begun before is not over yet, in words, or NULL.
 */
void broker_hold(struct broker *b, bool held);
const char *broker_is_busy(struct broker *b);

/* Returns false if pumps or threads are still stuck: then only leaving the process is left. */
bool broker_done(struct broker *b);

#endif
