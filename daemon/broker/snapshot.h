/* SPDX-License-Identifier: MIT */
/*
 * A copy of what the status tells of the clients. The control thread takes it, for which it holds
 * each client's lock no longer than copying takes; making text of it takes longer, and is done
 * elsewhere.
 */
#ifndef ZCRXD_SNAPSHOT_H
#define ZCRXD_SNAPSHOT_H

#include "daemon/grant/lease.h"
#include "daemon/pump/model.h"

struct snapshot_flow {
	uint32_t id;
	bool listener, paused;
	bool copies_untold;
	enum flow_state state;
	struct msg_addr local, remote;
	uint64_t bytes, bytes_copied;
	const char *why_copied; /* NULL, or a constant */
};

struct snapshot_queue {
	uint32_t id;
	const char *backend;
	char why_not[sizeof(((struct queue *)NULL)->why_not)];
	uint32_t ifindex, n_rxqs; /* no hardware queues: 0 */
	uint32_t rxqs[LEASE_QUEUES_MAX];
	uint64_t area_bytes;
	uint32_t buffer_bytes, cq_entries;
	bool copies_untold;
	struct ring_daemon counters;
	uint32_t n_flows;
};

struct snapshot_client {
	uint32_t id;
	pid_t pid;
	uid_t uid;
	char class[POLICY_NAME_BYTES];
	char name[sizeof(((struct session *)NULL)->name)];
	uint32_t n_queues;
};

/* The queues stand in the order of their clients, the flows in the order of their queues. */
struct snapshot {
	uint64_t uptime_s;
	struct snapshot_client *clients;
	struct snapshot_queue *queues;
	struct snapshot_flow *flows;
	size_t n_clients, n_queues, n_flows;
	size_t room_clients, room_queues, room_flows;
};

/* On the control thread. Returns 0 or -ENOMEM, then there is nothing to free. */
int snapshot_take(struct snapshot *ret, const struct client_list *clients);
void snapshot_done(struct snapshot *s);

#endif
