/* SPDX-License-Identifier: MIT */
/*
 * Errands: requests of pumps about an object of a client's. A hand carries each out (hand.h), and
 * the request is answered when the hand is done. The broker tells the pump to send the descriptors
 * of the request to the hand (LINK_GIVE). An errand ends with its pump, at the latest. Only the
 * control thread calls what is here.
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

/*
 * Of one payer's pumps together so many wait for hands: no fewer than 60 pumps ask for at a time
 * that keep to the rules (daemon/ask/later.c).
 */
#define ERRANDS_WAITING_MAX 1024u

struct errand;
struct pump;

struct errand_kind {
	uint64_t deadline_ms;
	bool gives; /* the pump gives descriptors: the hand has HAND_GIVEN_FD */
	bool links; /* the hand gives the pump its end of the link: it has HAND_LINK_FD */
	bool takes; /* the hand takes what the pump has: it has the pidfd, HAND_PUMP_FD */
	/* The hand has just begun. NULL: nobody wants to know. */
	void (*begun)(struct errand *e);
	/* As in struct hand_calls. NULL: hands of this kind show nothing. */
	int (*shown)(struct errand *e, const int *fds, uint32_t nfds);
	/*
	 * The hand is done, or has failed (r->fault): fills in the reply. *fd is the descriptor
	 * that came, or -1. The caller closes it, unless it was made -1 here: then it is part of
	 * *s, or of what sends the reply. Returns the error of the reply, 0 or a negative errno; or
	 * SERVED_LATER, and then sends the reply itself. NULL: the reply has the hand's error.
	 */
	int (*done)(struct errand *e, const struct hand_reply *r, int *fd, struct served *s);
	/*
	 * Frees what the errand has beside the hand. Is called also where done was not. NULL: it
	 * has nothing.
	 */
	void (*drop)(struct errand *e);
};

struct errand {
	LIST_ENTRY(errand) link;     /* in the list of its pump */
	TAILQ_ENTRY(errand) waiting; /* in its line, while it has no hand */
	struct errand_line *line;    /* of its payer, while it waits; or NULL */
	const struct errand_kind *kind;
	struct pump *pump;
	struct msg_hdr request;
	struct hand_job job;
	struct hand *hand;              /* NULL: it waits until its user has fewer hands */
	sd_event_source *patience;      /* when it waits no longer */
	int memfd;                      /* UDMABUF: the dma-buf is made of it; or -1 */
	uint64_t bytes[LINK_FILES_MAX]; /* to be charged for each file that the hand shows, in
					   the order in which it shows them */
	bool again;                     /* it was begun a second time, after dma-bufs were closed */
	uint64_t closed;                /* what kept_closed() was before the files were charged */
	uint32_t shown;                 /* how many files the hand has shown */
	char why[LIMITS_SAID_BYTES];    /* why one of them could not be charged, or "" */
	uint32_t lease, rule;           /* STEER: as the request says */
	uint64_t held;                  /* ZCRX, DEVMEM: the lease, by its number in held.h */
};

/* The errands that wait until their payer may have another hand. There is none without errands. */
struct errand_line {
	LIST_ENTRY(errand_line) link;
	uint64_t payer; /* see hand.h */
	uint32_t n;
	TAILQ_HEAD(, errand) errands;
};

/* The errands of all pumps. */
struct errands {
	sd_event *event; /* borrowed */
	struct hands *hands;
	LIST_HEAD(, errand_line) lines;
};

/* program: the path of zcrx-hand. Returns 0 or a negative errno; errands_done() either way. */
int errands_init(struct errands *all, sd_event *event, const char *program);
/* To be called when no pump has an errand any more. */
void errands_done(struct errands *all);

/*
 * Starts an errand for a request. *wish has its kind, its job, and the fields that this kind uses;
 * it is copied. Returns SERVED_LATER or a negative errno.
 */
int errand_start(struct pump *p, const struct msg_hdr *request, const struct errand *wish);

/*
 * For errand_kind.shown: charges the pump's user for each file the next of e->bytes, before the
 * hand goes on. If that is refused e->why gets the sentence.
 */
int errand_charge(struct errand *e, const int *fds, uint32_t nfds);

/* The pump has ended: its errands end, and nobody is answered. */
void errands_forget(struct pump *p);

#endif
