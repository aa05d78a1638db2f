/* SPDX-License-Identifier: MIT */
/*
 * What passes between the broker and a hand (zcrx-hand): one job, one reply. Both are of one build,
 * and the broker starts a hand for each job, so nothing here has a version.
 *
 * A client's object is named by its number in the pump's table of descriptors. The hand takes it
 * from there itself (pidfd_getfd), so that the broker never has it: already to close it can take
 * for ever.
 */
#ifndef ZCRXD_HAND_JOB_H
#define ZCRXD_HAND_JOB_H

#include <stdbool.h>
#include <stdint.h>

#include "proto/msg.h"

#define HAND_SOCKET_FD 3 /* to the broker */
#define HAND_FIRST_FD  4 /* what else it inherits, in the order that each job says */
#define HAND_FDS_MAX   2
#define HAND_RXQS_MAX  16

enum hand_kind {
	HAND_ZCRX =
		1,   /* a receive queue is registered on a pump's ring; inherits the pump's pidfd */
	HAND_DEVMEM, /* queues are bound to a dma-buf of a pump's; inherits the pump's pidfd;
			returns the socket */
	HAND_WATCH,  /* a memory file of a pump's is watched; inherits the pump's pidfd and an
			inotify descriptor */
	HAND_OPEN,   /* a socket of the daemon's network namespace; returns it */
	HAND_CONNECT, /* inherits such a socket, which is connected */
};

struct hand_zcrx {
	int32_t ring, refills, area; /* the pump's numbers */
	uint32_t ifindex, rxq;
	uint32_t rq_entries, chunk_bytes;       /* chunk_bytes 0: the kernel's page */
	uint64_t refills_offset, refills_bytes; /* where the refill ring lies in its memfd */
	uint64_t area_bytes;
	uint64_t event_data, stats_offset;
	bool is_dmabuf;
	bool events; /* the kernel is to tell when it finds no buffers, and to count */
};

struct hand_devmem {
	int32_t dmabuf; /* the pump's number */
	uint32_t ifindex, n;
	uint32_t rxqs[HAND_RXQS_MAX];
};

struct hand_watch {
	int32_t memfd; /* the pump's number */
};

struct hand_open {
	struct msg_flow_host wish; /* that was judged */
	bool towards;              /* as hosted_open() has it */
};

struct hand_connect {
	struct msg_addr remote;
};

struct hand_job {
	enum hand_kind kind;
	union {
		struct hand_zcrx zcrx;
		struct hand_devmem devmem;
		struct hand_watch watch;
		struct hand_open open;
		struct hand_connect connect;
	};
};

/* What was in the way. */
enum hand_fault {
	HAND_DONE,
	HAND_DENIED,        /* the system does not let it take descriptors of a pump */
	HAND_NO_DESCRIPTOR, /* the pump has none of that number */
	HAND_NOT_A_RING,
	HAND_NOT_MEMORY, /* no memfd that cannot shrink, no dma-buf */
	HAND_TOO_SMALL,
	HAND_KERNEL, /* the kernel refuses, as error says */
	/* What the broker finds out itself: */
	HAND_LATE, /* given up at its deadline */
	HAND_DIED,
};

struct hand_reply {
	enum hand_fault fault;
	int error; /* 0 or a negative errno */
	union {
		struct {
			uint32_t id, head, tail, rqes;
			uint64_t token;
		} zcrx;
		struct {
			uint32_t id;
		} devmem;
		struct {
			int descriptor;
		} watch;
	};
};

#endif
