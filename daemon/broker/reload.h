/* SPDX-License-Identifier: MIT */
/*
 * SIGHUP: the configuration is read again, on a thread of its own, since names of users and groups
 * in it may be looked up in the network. What is read is put in force on the control thread.
 */
#ifndef ZCRXD_RELOAD_H
#define ZCRXD_RELOAD_H

#include <systemd/sd-event.h>

#include "daemon/broker/broker.h"
#include "daemon/common/work.h"
#include "policy/config.h"

struct reload {
	struct broker *broker; /* borrowed, as all of these */
	const struct config *started;
	int (*read)(struct config *ret, const void *options);
	const void *options;

	struct config fresh;
	int result;
	struct work work;
	int over; /* eventfd: it is read */
	bool reading;
	bool again; /* it may have been changed since it was begun to be read */
};

/*
 * Listens for SIGHUP, which is blocked. read: returns 0 or a negative errno; config_done() either
 * way. Returns 0 or a negative errno.
 */
int reload_init(struct reload *r, sd_event *event);

/* Returns false if it is being read still: then only leaving the process is left. */
bool reload_done(struct reload *r);

#endif
