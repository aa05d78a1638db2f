/* SPDX-License-Identifier: MIT */
/*
 * A client with a queue whose backend is the test's: its completions are not the kernel's. One for
 * each case.
 */
#ifndef TESTS_DAEMON_FIXTURE_H
#define TESTS_DAEMON_FIXTURE_H

#include <stdbool.h>
#include <stdint.h>

#include "daemon/pump/model.h"

enum {
	CQ_ENTRIES = 64,
	RQ_ENTRIES = 256,
	FLOWS = 64,
	STRANGER = 77 /* no flow's id */
};

/* What the backend does. */
struct fake {
	struct backend backend;
	struct rings *rings;
	uint32_t reaps, something_at; /* the reap that takes something, which frees a buffer */
	uint32_t held_at;             /* the reap that finds no room for it */
	uint32_t completion_at;       /* the reap that makes a completion */
	uint32_t buffers;
	uint32_t arms;
	bool deaf;        /* takes nothing from the ring */
	uint32_t refills; /* of those that are right: the offset is 1 */
};

extern struct fake fake;
extern struct answer answer; /* to what is not refused */
extern struct client client;
extern struct queue *queue;
extern int channel, sock[2]; /* the client's ends; sock[1] is to be received */

/* A case's setup and teardown. */
int fixture_open(void **state);
int fixture_close(void **state);

/* A connection of TCP's; returns the end that accepted. */
int fixture_tcp(int *ret_peer);

#endif
