/* SPDX-License-Identifier: MIT */
/*
 * The daemon's end of the protocol without a daemon, so that tests decide when what happens, and
 * can break every rule.
 *
 * A thread answers requests as zcrxd would; a test may change each answer before it is sent. The
 * kernel's and the pump's part is played by the test itself: it writes completions and events and
 * reads refills. One client with one queue at a time. All calls fail the running cmocka test.
 */
#ifndef TESTS_LIB_FAKE_H
#define TESTS_LIB_FAKE_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include "proto/msg.h"
#include "proto/ring.h"
#include <zcrx.h>

#define FAKE_LOST "The fake\nhas had enough."

enum {
	FAKE_CQ_ENTRIES = 8,
	FAKE_RQ_ENTRIES = 4,
	FAKE_BUFFER_BYTES = 4096,
	FAKE_BUFFERS = 4,
	FAKE_AREA_BYTES = FAKE_BUFFERS * FAKE_BUFFER_BYTES,
	FAKE_QUEUE_ID = 7,
	FAKE_AREA_ID = 3,
	FAKE_FIRST_FLOW = 0x10001, /* index 1, generation 1; the next ones follow */
};

/* An answer on its way: the message and its descriptors, closed after sending. */
struct fake_reply {
	union msg_any m;
	int fds[MSG_FDS_MAX];
	bool withhold; /* do not send it */
	bool hang_up;  /* end the connection, after sending */
};

struct fake {
	char dir[32];
	char path[64];
	/* Called on the fake's thread before an answer is sent. NULL: answer well. */
	void (*change)(const union msg_any *request, struct fake_reply *reply, void *data);
	void *data;
	/* If not NULL: what each connection gets before it ends, its HELLO unread. */
	const struct msg_fail *turns_away;
	bool waits; /* until that HELLO has come, so that the end of the connection is a reset */

	int listener;
	pthread_t thread;
	pthread_mutex_t lock; /* protects what follows */
	int turned_away;
	int requests[16];   /* answered, by type */
	union msg_any last; /* request */
	uint64_t filled;    /* bytes that the memfd of the last area had by then */
	int client;
	int channel;
	char *cq, *rq;
	uint32_t next_flow;
	uint32_t rq_head;
};

void fake_start(struct fake *f);
void fake_stop(struct fake *f);

/* Ends the control connection and the channel, as the death of the daemon does. */
void fake_die(struct fake *f);

/* Whether a connection is being served. */
bool fake_has_client(struct fake *f);

int fake_requests(struct fake *f, enum msg_type type);
union msg_any fake_last_request(struct fake *f);

/* How its queues are laid out. */
struct msg_rings fake_layout(void);

/* ---- the kernel's part ---- */

void fake_cqe(struct fake *f, uint64_t user_data, int32_t res, uint32_t flags);
/* len bytes for the flow in the buffer. */
void fake_data(struct fake *f, uint32_t flow, uint32_t buffer, int32_t len);
void fake_tail_set(struct fake *f, uint32_t tail);

/* ---- the pump's part ---- */

struct ring_daemon *fake_daemon_page(struct fake *f);
struct ring_client *fake_client_page(struct fake *f);
/* The next refill that was published; false if there is none. */
bool fake_refill(struct fake *f, struct ring_rqe *ret);
/* Takes the wake word and, if it was set, wakes the client as it asks. Returns whether it was. */
bool fake_wake(struct fake *f);
/* Takes the first byte that has come: RING_KICK, RING_KICK_WAKE, or -1 if none has. */
int fake_kick(struct fake *f);
/* Whether a kick has come; takes one. */
bool fake_kicked(struct fake *f);
/* Any bytes on the channel. fd: -1 for none; stays the caller's. */
void fake_send(struct fake *f, const void *bytes, size_t len, int fd);
/* An event, announced in the daemon page; fills in its header. */
void fake_event(struct fake *f, struct msg_hdr *m, uint16_t type, uint32_t size, int fd);
void fake_flow_opened(struct fake *f, uint32_t listener, uint32_t flow, int fd);
void fake_flow_closed(struct fake *f, uint32_t flow, int32_t error, uint32_t cq_pos);
void fake_queue_lost(struct fake *f, int32_t error); /* with the sentence FAKE_LOST */

/* ---- a client of it ---- */

struct client {
	struct zcrx *z;
	struct zcrx_area *a;
	struct zcrx_queue *q;
};

/* Connects and opens an area and a queue. */
void client_open(struct client *c, struct fake *f);
/* Adopts a socket that the fake does not look at. */
struct zcrx_flow *client_adopt(struct client *c, void *user, unsigned flags);
/* Reaps and expects exactly this: one completion of that kind, or nothing (0). */
struct zcrx_completion client_expect(struct client *c, int what);

#endif
