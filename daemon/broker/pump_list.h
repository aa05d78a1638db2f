/* SPDX-License-Identifier: MIT */
/*
 * The pumps: one process for each client. It is started with the client's socket and a link
 * (daemon/link/link.h), and watched by its pidfd. What a pump was charged, its leases and its rules
 * end with it. Only the control thread touches the list, and it waits for no pump: for requests
 * that may take long each pump has a thread in the broker, which carries them out one by one, in
 * the order in which they came.
 */
#ifndef ZCRXD_PUMP_LIST_H
#define ZCRXD_PUMP_LIST_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>
#include <systemd/sd-event.h>

#include "daemon/broker/errand.h"
#include "daemon/broker/pump.h"
#include "daemon/broker/strays.h"

TAILQ_HEAD(pump_list, pump);

struct pumps {
	sd_event *event; /* borrowed, as these */
	bool verbose;
	uint32_t orphan_seconds; /* zcrxd.conf(5) */
	uint32_t policy;         /* number of the policy in force: how often there was a new one */
	bool held;               /* see pumps_hold() */
	char *path;              /* of zcrx-pump */
	char *records;           /* the folder of record.h */
	struct pump_list list;
	int wake; /* eventfd: a job is over */
	sd_event_source *wake_io;
	struct errands errands;
	struct strays strays;
	uint32_t awaited;             /* for so many the broker waits, the log says (awaited.h) */
	uint32_t lost;                /* pumps of the broker before that could not be taken over */
	void (*on_empty)(void *data); /* the last one has gone */
	void *empty_data;
};

#endif
