/* SPDX-License-Identifier: MIT */
/*
 * A copy of what the status tells of the clients. First the control thread notes which clients
 * there are; then their reports are read, on any thread, without waiting for the clients'.
 *
 * A report is written by somebody who may mean harm. A record that is being written is looked at
 * some more times, and then left out; so is one that says what cannot be. No client shows more
 * queues or flows than it may have. Texts are not cleaned here.
 */
#ifndef ZCRXD_SNAPSHOT_H
#define ZCRXD_SNAPSHOT_H

#include <stddef.h>
#include <sys/types.h>

#include "daemon/broker/snapshot_copy.h"
#include "daemon/grant/process.h"
#include "policy/policy.h"

struct snapshot_text {
	char text[MSG_TEXT_BYTES];
};

/* What the broker knows of a client. */
struct snapshot_who {
	uint32_t id;
	pid_t pid, pump;
	uint64_t pump_started; /* as process.h has it */
	uid_t uid;
	char class[POLICY_NAME_BYTES];
	uint64_t max_queues, max_flows;
};

struct snapshot_client {
	struct snapshot_who who;
	struct report *report;
	struct report_client_facts facts;
	struct process process; /* the pump's; nothing if it ended meanwhile */
	uint32_t restarts;
	uint32_t n_queues;
	uint32_t unreadable; /* records */
};

/* In place, by SIGUSR2. */
struct upgrades {
	uint32_t done, failed; /* done: since the process began */
	char why_not[256];     /* the last one failed, or what is missing since; or "" */
};

/* The queues stand in the order of their clients. */
struct snapshot {
	uint64_t uptime_s;
	struct upgrades upgrades;
	struct snapshot_client *clients;
	struct snapshot_queue *queues;
	struct snapshot_flow *flows;
	struct snapshot_text *texts;
	size_t n_clients, n_queues, n_flows, n_texts;
	size_t room_clients, room_queues, room_flows, room_texts;
};

/* Notes one more client. report NULL: it is not there yet. Returns 0 or -ENOMEM. */
int snapshot_add(struct snapshot *s, const struct snapshot_who *who, struct report *report);

/* Reads what all of them report. Returns 0 or -ENOMEM. */
int snapshot_read(struct snapshot *s);

void snapshot_done(struct snapshot *s);

#endif
