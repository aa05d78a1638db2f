/* SPDX-License-Identifier: MIT */
/*
 * A client that keeps no rule: what it holds of one session, and its hands.
 *
 * It runs on the target's own thread and the session on another, as in the daemon. Where the
 * daemon owes an answer it is waited for, so that an input does the same each time, as far as a
 * kernel and two threads allow. What the daemon says is held against the protocol.
 */
#ifndef TESTS_FUZZ_HOSTILE_H
#define TESTS_FUZZ_HOSTILE_H

#include <stdbool.h>
#include <stdint.h>

#include "proto/msg.h"
#include "proto/ring.h"
#include "tests/fuzz/fuzz.h"

/* How many of each it keeps; an input names them modulo their number. */
enum {
	KEEP_FILES = 128,
	KEEP_IDS = 16,
	KEEP_VIEWS = 4,
	UNANSWERED = 16,
	FDS_SENT = 6, /* more than a message may have */
	BYTES_SENT = MSG_BYTES_MAX + 512,
	PATIENCE_MS = 15000, /* for what the daemon owes: 10 ms alone, 100 ms as explored;
				libFuzzer's limit for an input, 20 s, is above it */
};

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

/* The last ones of a kind: ids, or descriptors. */
struct list {
	uint32_t at[KEEP_IDS];
	uint32_t count; /* ever */
};

/* A queue as its client has it. */
struct view {
	uint32_t id;
	int fds[3]; /* cq, rq, channel */
	char *cq, *rq;
	struct msg_rings layout;
	uint32_t buffer_bytes, buffers;
	uint32_t head, refill;
	bool lied; /* about the head, or it ended: the CQ may change while it is read */
};

struct unanswered {
	uint16_t type;
	uint32_t serial;
};

struct hostile {
	struct input *in;
	int control;
	bool over;             /* the daemon owes nothing any more */
	int files[KEEP_FILES]; /* all it opened, closed at the end */
	uint32_t file_count;
	int again;
	struct list areas, queues, flows;            /* ids the daemon gave */
	struct list memory, socks, listeners, peers; /* descriptors among the files */
	uint64_t area_bytes;                         /* of the last one offered */
	struct view views[KEEP_VIEWS];
	uint32_t view_count; /* ever */
	uint32_t serial;
	struct unanswered unanswered[UNANSWERED];
	uint32_t first, owed; /* the oldest of them, and how many */
};

void list_add(struct list *l, uint32_t value);
/* One of the list by number; `none` if it is empty. */
uint32_t list_pick(const struct list *l, uint32_t number, uint32_t none);

/* ---- descriptors: hostile_fds.c ---- */

/* Listens where connections are made; once. */
void fds_prepare(void);
void fds_close(struct hostile *h);
/* Takes a descriptor over, to be closed at the end. Returns it, or -1 if these are too many. */
int fd_keep(struct hostile *h, int fd);
/* One of that kind, borrowed; pages: of memory. */
int fd_of_kind(struct hostile *h, uint8_t kind, uint32_t pages);
void peer_connect(struct hostile *h, int listener);
void peer_accept(struct hostile *h, int listener);
/* Accepts the connection that a FLOW_HOST request makes to this target. */
void peer_accept_host(struct hostile *h);
/* FLOW_HOST leads nowhere but to this target's own sockets. */
void host_confine(struct msg_flow_host *m);

/* ---- messages: hostile_send.c ---- */

/* Sends any bytes and descriptors, and notes the answer that is owed. */
void datagram(struct hostile *h, const void *bytes, size_t len, const int *fds, uint32_t nfds);
/* The input's next: a well-formed request with some changes. */
void request(struct hostile *h);
/* The input's next: bytes and descriptors as they stand there. */
void raw(struct hostile *h);
/* Waits for what the daemon owes on fd; returns the events. */
short owed_wait(int fd);
/* Reads and checks all answers owed. */
void answers(struct hostile *h);

/* ---- queues: hostile_queue.c ---- */

void view_add(struct hostile *h, const struct msg_queue_open_reply *m, const int fds[3]);
void views_drop(struct hostile *h);
/* One of the queues by number, NULL if there is none. */
struct view *view_pick(struct hostile *h, uint32_t number);
/* Its queue ends. */
void view_ends(struct hostile *h, uint32_t queue_id);
/* Reads and checks what the channel holds. */
void channel_drain(struct hostile *h, struct view *v);
/* As an honest client: takes and checks all completions and gives the buffers back. */
void consume(struct view *v);
void refill(struct view *v, uint32_t buffer);
void kick(const struct view *v);

static inline struct ring_client *client_page(const struct view *v)
{
	return (void *)(v->rq + v->layout.client_page);
}

#endif
