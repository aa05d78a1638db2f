/* SPDX-License-Identifier: MIT */
/*
 * The pumps: one process for each client. It is started with the client's socket and a link
 * (daemon/link/link.h), and watched by its pidfd. What a pump was charged, its leases and its rules
 * end with it. Only the control thread calls what is here, and it waits for no pump: for requests
 * that may take long each pump has a thread in the broker, which carries them out one by one, in
 * the order in which they came.
 */
#ifndef ZCRXD_PUMPS_H
#define ZCRXD_PUMPS_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>
#include <systemd/sd-event.h>

#include "daemon/broker/errand.h"
#include "daemon/broker/pump.h"

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
	uint32_t lost;                /* pumps of the broker before that could not be taken over */
	void (*on_empty)(void *data); /* the last one has gone */
	void *empty_data;
};

/* clients: the path of the clients' socket. Returns 0 or a negative errno; pumps_done() either way.
 */
int pumps_init(struct pumps *all, sd_event *event, bool verbose, const char *clients);
void pumps_done(struct pumps *all);

/*
 * Starts a pump for a client that was admitted. Borrows the client's socket, which the caller
 * closes afterwards. On success the charges of *who are the pump's. Returns 0 or a negative errno.
 */
int pump_start(struct pumps *all, int client, uint32_t id, const struct client_identity *who);

/*
 * Takes over the pumps of a broker that was killed, or that executed this one in its place. Returns
 * the highest number of their clients, 0 if there are none. They do not have their links yet.
 */
uint32_t pumps_take(struct pumps *all);

/* Runs the loop until they have their links, for 2 s at most, and logs how many go on. */
void pumps_await(struct pumps *all);

/* Tells all pumps that another policy is in force. Have all of them read it by now? */
void pumps_policy(struct pumps *all);
bool pumps_have_policy(const struct pumps *all);

/* While they are held, no link is read, and no job is begun. */
void pumps_hold(struct pumps *all, bool held);

/*
 * Before an upgrade. Why could the new program not take them over (pumps_take())? NULL: it could.
 * Are they settled: has each made what the new program needs to take it over, and does no hand
 * work for any? A pump that was started or taken over a moment ago is not settled.
 */
const char *pumps_why_not_taken(const struct pumps *all);
bool pumps_are_settled(const struct pumps *all);

/* Tells all of them to end. */
void pumps_stop(struct pumps *all);

/* Kills those that have not ended: a thread of theirs is stuck, and ends when its client lets go.
 */
void pumps_kill(struct pumps *all);

#endif
