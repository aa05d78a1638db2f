/* SPDX-License-Identifier: MIT */
/*
 * The control thread: what it serves, and how that begins, goes on with another configuration, is
 * held and ends. It waits for nobody.
 */
#ifndef ZCRXD_BROKER_H
#define ZCRXD_BROKER_H

#include <systemd/sd-event.h>

#include "daemon/broker/accepting.h"
#include "daemon/broker/listener.h"
#include "daemon/broker/nic_watch.h"
#include "daemon/broker/pump_list.h"
#include "daemon/broker/status.h"
#include "policy/config.h"

struct broker {
	sd_event *event; /* borrowed, as is the next one */
	struct listeners *listeners;
	struct pumps pumps;
	struct accepting accepting;
	struct status status;
	struct nic_watch nics;
	bool stopping;
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
