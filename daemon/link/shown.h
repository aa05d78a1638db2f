/* SPDX-License-Identifier: MIT */
/*
 * What a pump shows of its client for the status, in a memfd: a head, the queues, and the flows in
 * the order of their queues. The broker copies it and believes none of it.
 */
#ifndef ZCRXD_SHOWN_H
#define ZCRXD_SHOWN_H

#include <stdint.h>

#include "daemon/link/link.h"
#include "proto/msg.h"
#include "proto/ring.h"

#define SHOWN_QUEUES_MOST 4096u
#define SHOWN_FLOWS_MOST  65536u

struct shown_head {
	uint32_t n_queues, n_flows;
	char name[32];
};

struct shown_queue {
	uint32_t id, backend; /* enum msg_backend */
	char why_not[LINK_TEXT_BYTES];
	uint32_t ifindex, n_rxqs; /* no hardware queues: 0 */
	uint32_t rxqs[LINK_RXQS_MOST];
	uint64_t area_bytes;
	uint32_t buffer_bytes, cq_entries;
	uint32_t copies_untold;
	uint32_t n_flows;
	struct ring_daemon counters;
};

struct shown_flow {
	uint32_t id;
	uint8_t listener, paused, copies_untold, state; /* enum flow_state */
	struct msg_addr local, remote;
	uint64_t bytes, bytes_copied;
	char why_copied[LINK_TEXT_BYTES]; /* or "" */
};

#endif
