/* SPDX-License-Identifier: MIT */
/*
 * On SIGHUP the configuration is read again. A thread of its own reads it, since names of users and
 * groups may be looked up in the network. The control thread puts what was read in force.
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
	int over;                 /* eventfd: it is read */
	sd_event_source *telling; /* while pumps have not read it yet; or NULL */
	uint64_t told_ns;         /* since when they are told */
	bool reading;
	bool again; /* SIGHUP came while the file was being read: read it once more */
};

/*
 * Waits for SIGHUP on the event loop; the caller has blocked the signal. r->read() returns 0 or a
 * negative errno, and *ret needs config_done() in either case. Returns 0 or a negative errno.
 */
int reload_init(struct reload *r, sd_event *event);

/* Returns false if the file is still being read: then only ending the process is left. */
bool reload_done(struct reload *r);

#endif
