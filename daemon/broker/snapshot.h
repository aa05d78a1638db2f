/* SPDX-License-Identifier: MIT */
/*
 * A copy of what the status tells of the clients, which their pumps showed. The control thread
 * takes it; making text of it takes longer, and is done elsewhere.
 */
#ifndef ZCRXD_SNAPSHOT_H
#define ZCRXD_SNAPSHOT_H

#include "daemon/broker/pumps.h"

struct snapshot_client {
	uint32_t id;
	pid_t pid, pump;
	uid_t uid;
	char class[POLICY_NAME_BYTES];
	struct shown_head *shown; /* whole; NULL: it has shown nothing yet */
};

struct snapshot {
	uint64_t uptime_s;
	struct snapshot_client *clients;
	size_t n_clients;
};

/* On the control thread. Returns 0 or -ENOMEM, then there is nothing to free. */
int snapshot_take(struct snapshot *ret, const struct pumps *pumps);
void snapshot_done(struct snapshot *s);

#endif
