/* SPDX-License-Identifier: MIT */
/* A receiver that knows what has to come: the other side of harness_send(). */
#ifndef TESTS_HARNESS_RECEIVE_H
#define TESTS_HARNESS_RECEIVE_H

#include <stdbool.h>
#include <stdint.h>
#include <zcrx.h>

#include "tests/harness/harness.h"

/* One stream that is expected. The flow's user value points here. */
struct harness_stream {
	uint64_t seed;
	uint16_t port; /* of the sender, to tell the connections of a listener apart */
	struct zcrx_flow *flow;
	uint64_t bytes; /* so far, each as it should be */
	bool ended;
	int error; /* how it ended */
};

struct harness_receiver {
	struct zcrx *z;
	struct zcrx_area *area;
	struct zcrx_queue *q;
	struct harness_stream *streams;
	int count;
	int hold; /* buffers to sit on before the oldest is given back, at most 256 */

	int ended;
	int lost; /* the error of ZCRX_LOST, 0 as long as the queue lives */
	struct zcrx_completion held[256];
	int held_count;
};

/* Connects and opens an area and a queue; options may be NULL. */
void harness_receiver_open(struct harness_receiver *r, const struct harness_daemon *d,
			   size_t area_bytes, const struct zcrx_queue_options *options);
/* Closes it all, gracefully. */
void harness_receiver_close(struct harness_receiver *r);

/* Expects the stream that comes on this socket. */
void harness_receiver_adopt(struct harness_receiver *r, struct harness_stream *s, int sock);

/*
 * Takes what is there now and checks every byte; touches nothing but the queue. Returns the number
 * of completions.
 */
int harness_receive_some(struct harness_receiver *r);

/*
 * Receives until all expected streams have ended or the queue is lost, and closes their flows.
 * Fails when nothing comes for HARNESS_PATIENCE_MS.
 */
void harness_receive(struct harness_receiver *r);

/* Fails unless the queue says that it was lost for this reason, one sentence or "". */
void harness_expect_why_lost(const struct harness_receiver *r, const char *why);

/* Receives for that long, whatever comes, and closes the flows that ended. */
void harness_receive_for(struct harness_receiver *r, int ms);

#endif
