/* SPDX-License-Identifier: MIT */
/*
 * A client that does what it is told, whether the protocol allows it or not. What goes wrong on
 * this side fails the running test.
 */
#ifndef TESTS_HOSTILE_RAW_H
#define TESTS_HOSTILE_RAW_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "proto/msg.h"
#include "proto/reason.h"
#include "proto/ring.h"

struct raw {
	int sock;
	uint32_t serial; /* of the last request */
};

/* Connects to the daemon of the world; raw_connect() also says HELLO. */
void raw_connect_mutely(struct raw *r);
void raw_connect(struct raw *r);
void raw_close(struct raw *r);

/* Any datagram with any descriptors, see fds_send(). */
void raw_send(const struct raw *r, const void *data, size_t bytes, const int *fds, size_t nfds);
/* The next datagram, 0 for the end. Descriptors that come along are written to fds, if given. */
size_t raw_receive(const struct raw *r, union msg_any *ret, int fds[MSG_FDS_MAX]);
/* The daemon has ended the connection. */
void raw_ended(const struct raw *r);

/*
 * Fills in the header of a request of this type, sends it with a descriptor (or -1), and waits for
 * the reply, which replaces it. Returns its error. Descriptors that come along as above.
 */
int raw_request(struct raw *r, uint16_t type, union msg_any *m, int fd, int fds[MSG_FDS_MAX]);

/*
 * The same; it has to be refused for this reason, with its errno and sentence. text: the sentence
 * if it is not the table's, or that of the limit with QUOTA.
 */
void raw_refused(struct raw *r, uint16_t type, union msg_any m, int fd, uint32_t reason,
		 const char *text);
/* Checks that a message is that refusal. serial: the request's. */
void raw_is_refusal(const union msg_any *m, uint16_t type, uint32_t serial, uint32_t reason,
		    const char *text);

/* A sealed memfd of so many bytes, as areas have to be. */
int raw_memfd(size_t bytes);
/* Has the memory of a part of it made, on this process's account. */
void raw_touch(int fd, uint64_t off, uint64_t bytes);
/* Adds an area from any descriptor; returns its id. */
uint32_t raw_area_add(struct raw *r, int fd, uint64_t bytes);

struct raw_queue {
	struct raw *r;
	uint32_t id, area_id, buffer_bytes;
	int area_fd, cq_fd, rq_fd, channel;
	size_t area_bytes;
	char *area, *rq;
	const char *cq;
	struct msg_rings at;
	uint32_t head, refills, kicked;
};

/* A queue's area is touched up to this size. */
#define RAW_TOUCHED_MAX (1ull << 30)

/* buffer_bytes and cq_entries: 0 for the daemon's choice. */
void raw_queue_open(struct raw_queue *q, struct raw *r, size_t area_bytes, uint32_t buffer_bytes,
		    uint32_t cq_entries);
/* The area's id is filled in; it has to be a queue without a side buffer. */
void raw_queue_wish(struct raw_queue *q, struct raw *r, size_t area_bytes,
		    struct msg_queue_open wish);
/* Closes and unmaps what this side has of it; says nothing to the daemon but on the channel. */
void raw_queue_drop(struct raw_queue *q);

struct ring_client *raw_client(const struct raw_queue *q);
const struct ring_daemon *raw_daemon(const struct raw_queue *q);
uint32_t raw_tail(const struct raw_queue *q);

/* Returns the flow's id. */
uint32_t raw_adopt(struct raw_queue *q, int sock, uint32_t flags);
int raw_flow_close(struct raw *r, uint32_t flow, uint32_t flags);

struct raw_data {
	uint32_t flow;
	uint64_t off; /* in the area */
	uint32_t bytes;
};

/* The next completion with data if there is one; it counts as consumed. */
bool raw_take(struct raw_queue *q, struct raw_data *ret);
/* Writes one entry of the refill ring, whatever it says, and publishes it. */
void raw_refill(struct raw_queue *q, uint64_t off, uint32_t pad);
void raw_kick(struct raw_queue *q);

/* Receives, checks and refills bytes of a stream, from position `from` on. */
void raw_stream(struct raw_queue *q, uint32_t flow, uint64_t seed, uint64_t from, uint64_t bytes);

/* The next event message of the channel, which has to come; wake-ups are skipped. */
void raw_event(const struct raw_queue *q, union msg_any *ret, int fds[MSG_FDS_MAX]);
/* FLOW_CLOSED of this flow has to come next. Returns its error. */
int raw_closed(const struct raw_queue *q, uint32_t flow);
/* End of file has to come on the channel, after any number of messages. */
void raw_lost(const struct raw_queue *q);

#endif
