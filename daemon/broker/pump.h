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

#define JOBS_MAX         64u /* of one pump */
#define JOBS_AT_ONCE_MAX 4u

/*
 * Something that was asked for and may take long: on a thread of its own. Jobs on one lease are run
 * one after the other, in the order in which they were asked for.
 */
struct job {
	TAILQ_ENTRY(job) link;
	bool on_lease;
	uint32_t lease; /* its number, if on_lease */
	bool working;   /* `work` was begun and is not joined yet */
	struct work work;
	struct pump *pump;
	void (*run)(struct pump *p, struct job *j);
	void (*drop)(struct job *j); /* frees it, whether it was run or not */
};

struct pump {
	TAILQ_ENTRY(pump) link;
	struct pumps *all;
	uint32_t id; /* the number of its client */
	pid_t pid;
	uint64_t started; /* when the process was, see process.h */
	int pidfd, sock;  /* sock: the link */
	int far_end; /* the end of its link that a pump of the broker before is to get; or -1 */
	struct relinking {
		sd_event_source *again; /* when the next hand is to try; or NULL: none has failed */
		uint64_t until_ns, pause_ns;
	} relinking;
	sd_event_source *io, *exit, *news, *rest;
	sd_event_source
		*lost; /* it has a lease that is lost, and is ended if it keeps it; or NULL */
	struct client_identity who;
	struct policy_identity is; /* the client when it connected */
	uint32_t policy;           /* number of the policy whose CLASS it has read last */
	bool classed;    /* it has read a CLASS, and has made what the next broker needs before */
	bool over;       /* the client has gone; descriptors that it has not read are left */
	bool dead;       /* the process has ended */
	bool held;       /* before an upgrade: no job of it is begun */
	bool unrecorded; /* no record could be written: it ends with this broker */
	bool broken;     /* it was killed for what it sent, or did not read */
	bool again;      /* it was taken over from the broker before */
	bool taken;      /* ... and has not said yet what it has (HAVE) */
	bool awaited;    /* the log says that the broker waits for it (awaited.h) */
	bool resting;    /* its user's pumps have sent too much: `rest` says until when */

	struct record_file *record; /* for the next broker; NULL: it could not be written */
	uint64_t charged[ACCOUNT_KINDS];
	uint64_t hosted[ACCOUNT_KINDS]; /* of what is charged, for how much a socket was opened
					   (serve_host.c) */
	struct flight_reader *reader;
	uint32_t in_flight;
	LIST_HEAD(, held_kept) kept;

	LIST_HEAD(, held_host) hosts;
	pthread_mutex_t lock; /* of the list of leases, their rules, and the next three */
	LIST_HEAD(, held_lease) leases;
	uint64_t last_held; /* the number of the one that came last */
	uint32_t leasing;   /* so many leases are being taken */
	uint32_t steering;  /* so many rules are being set, at most */
	int poke;           /* eventfd: news of a lease, or of the outbox */
	struct outbox out;  /* to the link */
	TAILQ_HEAD(, job) jobs;
	uint32_t n_jobs; /* with JOBS_MAX its link is not read until one is over */
	uint32_t n_working;
	int wake; /* eventfd, borrowed: a job is over */
	struct errands *all_errands;
	LIST_HEAD(, errand) errands; /* its requests that hands carry out */
	uint32_t n_errands;
	struct work end; /* of its leases, when it is dead */
	bool ending;     /* `end` was begun and is not joined yet */

	struct report *report; /* what it says of its client: read, and not believed */
};

/*
 * The client's class now, or policy_nobody; a reference on the classes goes with it. By any thread.
 */
const struct policy_class *pump_class(const struct pump *p, struct classes **ret);

/*
 * Has the job run, after earlier jobs on the same lease. If the pump ends before, the job is
 * dropped and not run. Only the control thread calls this and the next two functions.
 */
void pump_work(struct pump *p, struct job *j);

/* Begins the jobs that may be begun. */
void pump_work_on(struct pump *p);

/* Drops the jobs that are over. Returns whether there was any. */
bool pump_work_over(struct pump *p);

/* Switches reading of the link on or off, as the fields above require. */
void pump_read(struct pump *p);

/*
 * May the next message be read? If not, it is after a while: what pumps of one user have the broker
 * do has a rate (rates_link_wait()).
 */
bool pump_may_go_on(struct pump *p);

/* The pump did what no pump does, `what` says what: kills it. */
void pump_break(struct pump *p, const char *what);

#endif
