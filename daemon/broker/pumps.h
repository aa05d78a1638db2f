/* SPDX-License-Identifier: MIT */
/*
 * The pumps: one process for each client, started with the client's socket and a link
 * (daemon/link/link.h), watched by its pidfd. What a pump was charged, its leases and its rules end
 * with it. Of the control thread, which waits for none of them; what may take long a pump has done
 * on a thread of its own here, one thing at a time, in the order in which it asked.
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
	uint32_t policy;         /* its number: how often there was another */
	bool held;
	char *path;    /* of the program */
	char *records; /* the folder of record.h */
	struct pump_list list;
	int wake; /* eventfd: a job is over */
	sd_event_source *wake_io;
	struct errands errands;
	void (*on_empty)(void *data); /* the last one has gone */
	void *empty_data;
};

/* clients: the path of the clients' socket. Returns 0 or a negative errno; pumps_done() either way.
 */
int pumps_init(struct pumps *all, sd_event *event, bool verbose, const char *clients);
void pumps_done(struct pumps *all);

/*
 * Starts one for a client that was admitted; borrows the socket, which is to be closed then. Takes
 * over what *who is charged, on success only. Returns 0 or a negative errno.
 */
int pump_start(struct pumps *all, int client, uint32_t id, const struct client_identity *who);

/*
 * Takes over the pumps of a broker that was killed. Returns the highest number of their clients, 0
 * if there are none.
 */
uint32_t pumps_take(struct pumps *all);

/* Another policy is in force. Do all pumps that read their links know it by now? */
void pumps_policy(struct pumps *all);
bool pumps_have_policy(const struct pumps *all);

/* While held, their links are not read, and nothing that they asked for is begun. */
void pumps_hold(struct pumps *all, bool held);

/*
 * Why another program could not take them over (pumps_take()), or NULL. Are all so far that it
 * could, and does no hand work for them? One that was started, or taken over, a moment ago could
 * not.
 */
const char *pumps_why_not_taken(const struct pumps *all);
bool pumps_are_settled(const struct pumps *all);

/* All are to end. */
void pumps_stop(struct pumps *all);

/* Those that have not: a thread of theirs is stuck, and ends with its client. */
void pumps_kill(struct pumps *all);

#endif
