/* SPDX-License-Identifier: MIT */
/*
 * A client that keeps no rule: what it holds of one session, and its hands.
 *
 * It runs on the target's own thread and the session on another, as in the daemon. Where the
 * daemon has to answer it is waited for, so that an input does the same each time, as far as a
 * kernel and two threads allow. What the daemon says is held against the protocol.
 */
#ifndef TESTS_FUZZ_HOSTILE_H
#define TESTS_FUZZ_HOSTILE_H

#include <stdbool.h>
#include <stdint.h>

#include "fuzz.h"
#include "msg.h"
#include "ring.h"

/* How many of each it keeps; inputs name them modulo their number. */
enum {
	KEEP_FILES = 128,
	KEEP_IDS = 16,
	KEEP_VIEWS = 4,
	KEEP_UNANSWERED = 64,
	SEND_FDS = 6, /* more than may be sent */
};

/* Longer than a datagram may be. */
#define SEND_BYTES (MSG_BYTES_MAX + 512)

/* Kinds of descriptor; make-corpus.py reads their names. */
enum kind {
	KIND_AREA, /* as it should be */
	KIND_UNSEALED,
	KIND_WRITE_SEALED,
	KIND_READ_ONLY,
	KIND_CONNECTED,
	KIND_CONNECTED_6,
	KIND_LISTENER,
	KIND_UNCONNECTED,
	KIND_UDP,
	KIND_PIPE,
	KIND_NULL,
	KIND_FOLDER,
	KIND_AGAIN,   /* what was sent last */
	KIND_CONTROL, /* its own end of the control socket */
	KIND_CHANNEL, /* ... of a queue's channel */
	KIND_CQ,
	KIND_RQ,
	KIND_COUNT
};

struct list {
	uint32_t ids[KEEP_IDS];
	uint32_t count; /* ever; the last KEEP_IDS are kept */
};

/* A queue as its client has it. */
struct view {
	uint32_t id;
	int cq, rq, channel;
	char *cq_map, *rq_map;
	struct msg_rings at;
	uint32_t buffer_bytes, buffers;
	uint32_t head, refill;
};

struct unanswered {
	uint16_t type;
	uint32_t serial;
};

struct hostile {
	struct input *in;
	int control;
	bool over;   /* nothing need be answered any more */
	int files[KEEP_FILES]; /* all it opened; closed at the end */
	int file_count;
	int again;
	struct list areas, queues, flows; /* ids the daemon gave */
	struct list memory, socks, listeners, peers; /* descriptors by use, all among the files */
	struct view views[KEEP_VIEWS];
	uint32_t view_count; /* ever */
	uint32_t serial;
	struct unanswered unanswered[KEEP_UNANSWERED];
	uint32_t first, waiting;
	uint64_t area_bytes; /* of the last one it offered */
};

/* Listening sockets for both ends of connections; the second is where FLOW_HOST may connect to. */
void hostile_prepare(void);
void hostile_init(struct hostile *h, struct input *in, int control);
/* Lets go of everything. */
void hostile_done(struct hostile *h);

/* ---- descriptors (hostile_fds.c) ---- */

/* Notes a descriptor to be closed at the end. Returns it. */
int keep(struct hostile *h, int fd);
void list_add(struct list *l, uint32_t id);
/* One of those in the list, by number; `none` if it is empty. */
uint32_t list_pick(const struct list *l, uint32_t number, uint32_t none);
/* A descriptor of that kind, borrowed. pages: of memory. */
int fd_of_kind(struct hostile *h, uint8_t kind, uint32_t pages);
/* Connects to a listener of its own; a peer more. */
void peer_connect(struct hostile *h, int listener);
/* Accepts whatever waits at a listener; peers more. */
void peer_accept(struct hostile *h, int listener);

/* ---- messages (hostile_send.c) ---- */

/* Sends a datagram with descriptors, whatever they are, and notes what has to answer it. */
void datagram(struct hostile *h, const void *bytes, size_t len, const int *fds, uint32_t nfds);
/* A well-formed request, changed as the input says. */
void request(struct hostile *h);
/* Reads all the answers that are due. */
void answers(struct hostile *h);

/* ---- queues (hostile_queue.c) ---- */

void view_add(struct hostile *h, const struct msg_queue_open_reply *m, const int *fds);
void view_drop(struct view *v);
struct view *view_pick(struct hostile *h, uint32_t number);
/* Reads all events and checks them. */
void channel_drain(struct hostile *h, struct view *v);
/* As an honest client: takes all completions, checks them and gives the buffers back. */
void consume(struct view *v);
void refill(struct view *v, uint32_t buffer);
void kick(const struct view *v);

#endif
