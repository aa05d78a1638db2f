/* SPDX-License-Identifier: MIT */
/*
 * Records: what the broker knows of each pump, for the broker that comes when this one was killed.
 * The next broker believes a record, and not what the pump says of its client, its leases and its
 * rules. Each pump has a file, which is written before the pump is told anything, in a folder that
 * only the broker's user may look into.
 *
 * The broker that reads a record may be of the next release, or of the release before. So the first
 * page and an entry of either kind only grow at their end, into what is zero.
 */
#ifndef ZCRXD_RECORD_H
#define ZCRXD_RECORD_H

#include <stdbool.h>
#include <sys/types.h>

#include "daemon/broker/record_file.h"
#include "daemon/grant/identity.h"

struct record {
	pid_t pump;
	uint64_t started; /* when the process was started, in ticks since the boot */
	uint32_t id;      /* number of its client */
	struct client_identity who;
	struct policy_identity is; /* its groups are on the heap */
};

/* Makes the file, and looks up r->started. Returns 0 or a negative errno. */
int record_write(struct record_file **ret, const char *dir, struct record *r);
void record_remove(const char *dir, pid_t pump);

/*
 * Calls `found` with each record whose pump runs, its file, and a pidfd of the pump. It returns
 * true if it took file, pidfd and the record's groups over. If it returns false they are freed
 * here, and the file is removed, as are files that make no sense, are of an earlier boot, or whose
 * pump has ended. Where nobody can tell, for want of descriptors or memory, the file stays as it
 * is: returns how many.
 */
uint32_t records_read(const char *dir,
		      bool (*found)(struct record *r, struct record_file *f, int pidfd, void *data),
		      void *data);

#endif
