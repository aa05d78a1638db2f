/* SPDX-License-Identifier: MIT */
/*
 * Errands: what a pump asks for that a hand carries out (hand.h), since a client's object belongs
 * to it. The request is answered when the hand is done. What the pump has to give, it is told to
 * give to the hand (LINK_GIVE). An errand ends with its pump, at the latest. Of the control thread.
 */
#ifndef ZCRXD_ERRAND_H
#define ZCRXD_ERRAND_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>
#include <systemd/sd-event.h>

#include "daemon/broker/hand.h"
#include "daemon/broker/served.h"
#include "daemon/link/link.h"

#define ERRANDS_EACH_MAX 64 /* of one pump, those that wait among them */

struct errand;
struct pump;

struct errand_kind {
	uint64_t deadline_ms;
	bool gives;      /* the pump gives descriptors: HAND_GIVEN_FD */
	bool takes_ring; /* the hand needs the pump's pidfd: HAND_PUMP_FD */
	/* As in struct hand_calls; NULL: nothing is shown. */
	int (*shown)(struct errand *e, const int *fds, uint32_t nfds);
	/*
	 * The hand is done, or what it did failed (r->fault): fills in the reply. The descriptor
	 * that came (or -1) stays the caller's, which closes it, unless it was made part of *s.
	 * Returns the error of the reply, 0 or a negative errno; or SERVED_LATER, and then sends
	 * the reply itself. NULL: the error is the hand's.
	 */
	int (*done)(struct errand *e, const struct hand_reply *r, int *fd, struct served *s);
	/* Frees what the errand has beside the hand; also without done. NULL: nothing. */
	void (*drop)(struct errand *e);
};

struct errand {
	LIST_ENTRY(errand) link;     /* of its pump's */
	TAILQ_ENTRY(errand) waiting; /* of those of all pumps */
	const struct errand_kind *kind;
	struct pump *pump;
	struct msg_hdr request;
	struct hand_job job;
	struct hand *hand;              /* NULL: it waits until its user has fewer */
	sd_event_source *patience;      /* for how long it waits */
	int memfd;                      /* of UDMABUF */
	uint64_t bytes[LINK_FILES_MAX]; /* of the files that are shown, one after the other */
	uint32_t shown;                 /* how many have been */
	uint32_t lease, rule;           /* of STEER, the lease also of ZCRX and DEVMEM */
};

TAILQ_HEAD(errand_queue, errand);

/* Those of all pumps. */
struct errands {
	sd_event *event; /* borrowed */
	struct hands *hands;
	struct errand_queue waiting;
};

/* program: the path of zcrx-hand. Returns 0 or a negative errno; errands_done() either way. */
int errands_init(struct errands *all, sd_event *event, const char *program);
/* No pump has any. */
void errands_done(struct errands *all);

/*
 * Starts one for a request: its kind, its job and what is the kind's are copied from *wish. Returns
 * SERVED_LATER or a negative errno.
 */
int errand_start(struct pump *p, const struct msg_hdr *request, const struct errand *wish);

/* `shown`: charges the pump's user the next of e->bytes for each file, before it is used. */
int errand_charge(struct errand *e, const int *fds, uint32_t nfds);

/* Nobody is answered any more: the pump has ended. */
void errands_forget(struct pump *p);

#endif
