/* SPDX-License-Identifier: MIT */
/*
 * One pump as the broker knows it: its process, its link, what it was charged and what it holds.
 */
#ifndef ZCRXD_BROKER_PUMP_H
#define ZCRXD_BROKER_PUMP_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>
#include <systemd/sd-event.h>

#include "daemon/broker/outbox.h"
#include "daemon/common/work.h"
#include "daemon/grant/identity.h"
#include "daemon/link/link.h"

struct classes;
struct errand;
struct errands;
struct flight_reader;
struct held_host;
struct held_kept;
struct held_lease;
struct pump;
struct pumps;
struct record_file;
struct report;

#define JOBS_MAX 64u /* of one pump */

/* Something asked for that may take long. */
struct job {
	STAILQ_ENTRY(job) link;
	void (*run)(struct pump *p, struct job *j);
	void (*drop)(struct job *j); /* frees it, whether it was run or not */
};

struct pump {
	TAILQ_ENTRY(pump) link;
	struct pumps *all;
	uint32_t id; /* its client's */
	pid_t pid;
	uint64_t started; /* the process, as process.h has it */
	int pidfd, sock;  /* sock: the link */
	sd_event_source *io, *exit, *news;
	struct client_identity who;
	struct policy_identity is; /* as of its connect */
	uint32_t policy;           /* the last one that it has read */
	bool over;                 /* the client has gone; what it has not read yet has not */
	bool dead;                 /* the process has ended */
	bool held;                 /* none of its jobs is begun */
	bool unrecorded;           /* the next broker knows nothing of it */
	bool broken;               /* it was ended for what it sent */
	bool again;                /* it is of the broker before */
	bool taken;                /* from the broker before, and has not said yet what it has */

	struct record_file *record; /* for the next broker; NULL: it does not outlive this one */
	uint64_t charged[ACCOUNT_KINDS];
	uint64_t hosted[ACCOUNT_KINDS]; /* for how much of it there were sockets (serve_host.c) */
	struct flight_reader *reader;
	uint32_t in_flight;
	LIST_HEAD(, held_kept) kept;

	LIST_HEAD(, held_host) hosts;
	pthread_mutex_t lock; /* of the list of leases */
	LIST_HEAD(, held_lease) leases;
	int poke;          /* eventfd: news of a lease, or of the outbox */
	struct outbox out; /* to the link */
	STAILQ_HEAD(, job) jobs;
	uint32_t n_jobs; /* with JOBS_MAX its link is not read until one is over */
	int wake;        /* eventfd, borrowed: a job is over */
	struct errands *all_errands;
	LIST_HEAD(, errand) errands; /* what hands do for it */
	uint32_t n_errands;
	struct work work; /* the first job, or, once it is dead, the end of its leases */
	bool working, ended;

	struct report *report; /* what it says of its client: read, and not believed */
};

/*
 * The client's class now, or policy_nobody; a reference on the classes goes with it. By any thread.
 */
const struct policy_class *pump_class(const struct pump *p, struct classes **ret);

/*
 * Has it run on the pump's own thread, after those that came before. One whose pump ends may not be
 * run. Of the control thread.
 */
void pump_work(struct pump *p, struct job *j);

/* Runs the first job, if none is being run. */
void pump_work_on(struct pump *p);

/* It sent what no pump sends: it ends. */
void pump_break(struct pump *p, const char *what);

#endif
