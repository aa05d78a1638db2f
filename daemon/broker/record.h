/* SPDX-License-Identifier: MIT */
/*
 * Who has which pump, in files of the broker's own, for the broker that comes after one that was
 * killed: what a pump says of its client then is not believed. One file for each pump, written
 * before the pump is told anything, in a folder that only the broker's user may look into.
 */
#ifndef ZCRXD_RECORD_H
#define ZCRXD_RECORD_H

#include <sys/types.h>

#include "daemon/grant/identity.h"

struct record {
	pid_t pump;
	uint64_t started; /* when the process was, in ticks since the boot */
	uint32_t id;      /* its client's number */
	struct client_identity who;
	struct policy_identity is; /* its groups are on the heap */
};

/* The pump's start is looked up here. Returns 0 or a negative errno. */
int record_write(const char *dir, struct record *r);
void record_remove(const char *dir, pid_t pump);

/*
 * Calls `found` with each record whose pump still runs, and a pidfd of it; takes back what it
 * returns false for, and what says nothing: these files are removed. found takes the pidfd and the
 * groups over, and returns false if it left them.
 */
void records_read(const char *dir, bool (*found)(struct record *r, int pidfd, void *data),
		  void *data);

#endif
