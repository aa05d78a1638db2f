/* SPDX-License-Identifier: MIT */
/*
 * One record of a report, copied whole. Its writer may mean harm: a record that is never whole, or
 * that says what cannot be, is none.
 *
 * A record that is being written is read again some times at once, then after pauses of a
 * millisecond, as many as `pauses` has left. Each function returns false without a good record;
 * a free record, which has no id, is a good one.
 */
#ifndef ZCRXD_SNAPSHOT_COPY_H
#define ZCRXD_SNAPSHOT_COPY_H

#include <stdbool.h>
#include <stdint.h>

#include "daemon/common/report.h"

#define SNAPSHOT_END UINT32_MAX /* of a list of flows */

struct snapshot_flow {
	struct report_flow_facts facts;
	uint32_t next;  /* flow of the same queue, or SNAPSHOT_END */
	uint32_t state; /* enum flow_state */
	uint32_t paused;
	uint32_t why_copied; /* which of the snapshot's texts, or SNAPSHOT_END: none */
	uint64_t bytes, bytes_copied;
};

struct snapshot_queue {
	struct report_queue_facts facts;
	uint32_t index; /* of its record */
	uint32_t first; /* of its flows, or SNAPSHOT_END */
	struct ring_daemon counters;
};

bool snapshot_copy_client(const struct report_memory *m, uint32_t *pauses,
			  struct report_client_facts *ret);
bool snapshot_copy_queue(const struct report_memory *m, uint32_t index, uint32_t *pauses,
			 struct snapshot_queue *ret);
bool snapshot_copy_flow(const struct report_memory *m, uint32_t index, uint32_t *pauses,
			struct snapshot_flow *ret);

#endif
