/* SPDX-License-Identifier: MIT */
/*
 * One report and a snapshot of it, new for each case, and a thread that writes to the report while
 * it is read.
 */
#ifndef TESTS_DAEMON_REPORT_WORLD_H
#define TESTS_DAEMON_REPORT_WORLD_H

#include <stdbool.h>
#include <stdint.h>

#include "daemon/broker/snapshot.h"

#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

extern struct report *report;
extern struct snapshot snapshot;

int setup(void **state);
int teardown(void **state);

/* The report's memory, as a process that was taken over can write to it. */
struct report_memory *memory(void);

/* Takes a snapshot of a client that may have so many queues and flows, or any number. */
const struct snapshot_client *read_bounded(uint64_t max_queues, uint64_t max_flows);
const struct snapshot_client *read_all(void);

struct report_queue *queue_add(uint32_t id);
struct report_flow *flow_add(uint32_t id, const struct report_queue *q);

/* How many flows are in the list of the snapshot's queue number at. */
uint32_t flows_of(uint32_t at);

/* Runs `run` on a thread of its own, which ends when goes_on() says no. */
void writer_start(void *(*run)(void *), void *arg);
void writer_stop(void);
bool goes_on(void);

extern uint64_t until_ns; /* for how long a case may go on after writer_start() (clock.h) */

#endif
