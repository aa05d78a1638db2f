/* SPDX-License-Identifier: MIT */
/*
 * The pumps: one process for each client, started with the client's socket and a link
 * (daemon/link/link.h), watched by its pidfd. What a pump was charged, its leases and its rules end
 * with it. Of the control thread, which waits for none of them; what may take long a pump has done
 * on a thread of its own here, one thing at a time, in the order in which it asked.
 */
#ifndef ZCRXD_PUMPS_H
#define ZCRXD_PUMPS_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>
#include <systemd/sd-event.h>

#include "daemon/common/work.h"
#include "daemon/grant/identity.h"
#include "daemon/link/link.h"
#include "daemon/link/shown.h"

struct classes;
struct flight_reader;
struct held_kept;
struct held_lease;

TAILQ_HEAD(pump_list, pump);

/* Something asked for that may take long. */
struct job {
	STAILQ_ENTRY(job) link;
	union link_any m;
	int fds[MSG_FDS_MAX];
};

struct pump {
	TAILQ_ENTRY(pump) link;
	struct pumps *all;
	uint32_t id; /* its client's */
	pid_t pid;
	int pidfd, sock; /* sock: the link */
	sd_event_source *io, *exit, *news;
	struct client_identity who;
	struct policy_identity is; /* as of its connect */
	bool over;                 /* the client has gone; what it has not read yet has not */
	bool dead;                 /* the process has ended */
	bool broken;               /* it was ended for what it sent */

	uint64_t charged[ACCOUNT_KINDS];
	struct flight_reader *reader;
	uint32_t in_flight;
	LIST_HEAD(, held_kept) kept;

	pthread_mutex_t lock; /* of the list of leases */
	LIST_HEAD(, held_lease) leases;
	int poke; /* eventfd: news of a lease */
	STAILQ_HEAD(, job) jobs;
	uint32_t n_jobs;
	struct work work; /* the first job, or, once it is dead, the end of its leases */
	bool working, ended;

	bool awaited;              /* it was asked to show its client */
	struct shown_head *shown;  /* what it showed last, or NULL */
	size_t shown_bytes;
};

struct pumps {
	sd_event *event; /* borrowed, as these */
	bool verbose;
	char *path; /* of the program */
	struct pump_list list;
	int wake; /* eventfd: a job is over */
	sd_event_source *wake_io;
	void (*on_empty)(void *data); /* the last one has gone */
	void (*on_shown)(void *data); /* all that were asked have shown their clients */
	void *empty_data, *shown_data;
};

/* Returns 0 or a negative errno; pumps_done() either way. */
int pumps_init(struct pumps *all, sd_event *event, bool verbose);
void pumps_done(struct pumps *all);

/*
 * Starts one for a client that was admitted; borrows the socket, which is to be closed then. Takes
 * over what *who is charged, on success only. Returns 0 or a negative errno.
 */
int pump_start(struct pumps *all, int client, uint32_t id, const struct client_identity *who);

/* Another policy is in force. */
void pumps_policy(struct pumps *all);

/* All are to end. */
void pumps_stop(struct pumps *all);

/* Those that have not: a thread of theirs is stuck, and ends with its client. */
void pumps_kill(struct pumps *all);

/* Asks all of them; true if any is to answer. */
bool pumps_show(struct pumps *all);

/*
 * The client's class now, or policy_nobody; a reference on the classes goes with it. By any thread.
 */
const struct policy_class *pump_class(const struct pump *p, struct classes **ret);

/* It sent what no pump sends: it ends. */
void pump_break(struct pump *p, const char *what);

#endif
