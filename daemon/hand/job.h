/* SPDX-License-Identifier: MIT */
/*
 * What passes between the broker and a hand (zcrx-hand): a job, its reply. The broker starts the
 * hand, so both are of one release, unless the programs were installed and zcrxd was not upgraded
 * yet. Nothing here has a version: a change has to change the size of struct hand_job. A hand ends
 * at once if a job has another size, and the request fails with EIO.
 *
 * The broker never has a descriptor of a client's object, since to close it can take for ever. The
 * broker sends the pump one end of a socket pair (LINK_GIVE), of which the hand has the other, and
 * the pump sends the descriptor by it. A ring cannot be sent, and a pump that a new broker takes
 * over has no link yet by which it could be asked: there the hand takes descriptors from the pump
 * by their numbers (pidfd_getfd).
 *
 * Memory that a client has to be charged for the hand shows to the broker, which charges it: a
 * reply HAND_SHOWN with descriptors of memfds, which keep nobody waiting. The broker answers with
 * an int: 0, or the negative errno with which the job ends.
 *
 * The hand lives until the broker closes its end, so that the broker never has the last descriptor
 * of what it was shown or sent.
 *
 * A hand that has closed everything that belonged to its job says so with its reply (`again`), and
 * the broker may send it another job. The descriptors that it would inherit for that job come with
 * the job, and get the same numbers, which are the lowest that are free.
 */
#ifndef ZCRXD_HAND_JOB_H
#define ZCRXD_HAND_JOB_H

#include <stdbool.h>
#include <stdint.h>

#include "daemon/grant/socket_facts.h"
#include "proto/msg.h"

#define HAND_SOCKET_FD 3                   /* to the broker */
#define HAND_FIRST_FD  4                   /* the first of what else it inherits */
#define HAND_GIVEN_FD  HAND_FIRST_FD       /* the socket by which the pump sends descriptors */
#define HAND_LINK_FD   HAND_FIRST_FD       /* HAND_LINK: the pump's end of its new link */
#define HAND_PUMP_FD   (HAND_FIRST_FD + 1) /* HAND_ZCRX, HAND_LINK: the pump's pidfd */
#define HAND_FDS_MAX   2
#define HAND_RXQS_MAX  16

enum hand_kind {
	HAND_FILES = 1, /* shows the broker memfds. The pump gives them */
	HAND_ZCRX,   /* registers a receive queue on a pump's ring. The pump gives the memory of the
			refills and the area */
	HAND_DEVMEM, /* binds queues to a dma-buf. The pump gives it; returns the netlink socket */
	HAND_FACTS,  /* reads what a socket says of itself. The pump gives it; returns its network
			namespace, if that is another one and can be had */
	HAND_UDMABUF, /* makes a dma-buf of a memfd. The pump gives it; returns the dma-buf */
	HAND_LINK,    /* gives a pump its end of a new link; returns the memfd of its report */
};

struct hand_files {
	uint32_t n; /* in all; with each message of the pump's come up to MSG_FDS_MAX */
};

struct hand_zcrx {
	int32_t ring; /* the pump's number */
	uint32_t ifindex, rxq;
	uint32_t rq_entries, chunk_bytes;       /* chunk_bytes 0: the kernel's page */
	uint64_t refills_offset, refills_bytes; /* where the refill ring lies in its memfd */
	uint64_t area_bytes;
	uint64_t event_data, stats_offset;
	bool is_dmabuf;
	bool events; /* the kernel is to tell when it finds no buffers, and to count */
};

struct hand_udmabuf {
	uint64_t bytes; /* the dma-buf has so many of the memfd's first bytes */
};

struct hand_link {
	int32_t next, report; /* the pump's numbers, see daemon/link/start.h */
	uint64_t report_bytes;
};

struct hand_devmem {
	uint32_t ifindex, n;
	uint32_t rxqs[HAND_RXQS_MAX];
};

struct hand_job {
	struct msg_hdr hdr; /* for proto/wire.h */
	enum hand_kind kind;
	union {
		struct hand_files files;
		struct hand_zcrx zcrx;
		struct hand_devmem devmem;
		struct hand_udmabuf udmabuf;
		struct hand_link link;
	};
};

/* What was in the way. */
enum hand_fault {
	HAND_DONE,
	HAND_SHOWN,         /* the job is not over: the hand shows memfds, see above */
	HAND_REFUSED,       /* the broker refused what it was shown, as error says */
	HAND_NOT_GIVEN,     /* the pump did not give what belongs to the job */
	HAND_DENIED,        /* the system does not let it take descriptors of a pump */
	HAND_NO_DESCRIPTOR, /* the pump has no descriptor of the ring's number */
	HAND_NOT_A_RING,
	HAND_NOT_A_LINK,
	HAND_NOT_MEMORY, /* not a memfd that cannot shrink, or not a dma-buf, as the job wants it */
	HAND_TOO_SMALL,
	HAND_KERNEL, /* the kernel refuses, as error says */
	/* What the broker finds out itself: */
	HAND_LATE,    /* given up at its deadline */
	HAND_DIED,    /* the process has ended without an answer */
	HAND_CROWDED, /* none was started: its user has as many as it may */
};

struct hand_reply {
	struct msg_hdr hdr; /* for proto/wire.h */
	enum hand_fault fault;
	int error;  /* 0 or a negative errno */
	bool again; /* it has nothing of the job any more, and takes another one */
	union {
		struct {
			uint32_t id, head, tail, rqes;
			uint64_t token;
		} zcrx;
		struct {
			uint32_t id;
		} devmem;
		struct socket_facts facts;
	};
};

#endif
