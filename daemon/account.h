/* SPDX-License-Identifier: MIT */
/*
 * Who uses how much. Everything that costs is charged before it is acquired: to the *peer* (one
 * process), and through it to its *user* (one uid), where the limits are.
 *
 * Bytes are sticky: a process can keep the memory of a queue it closed, so what was released stays
 * charged to the user until the process has exited, and is what its next charge is taken from.
 *
 * Any thread may charge and release; peers come and go on the control thread only.
 */
#ifndef ZCRXD_ACCOUNT_H
#define ZCRXD_ACCOUNT_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

enum account_kind {
	ACCOUNT_SESSIONS,
	ACCOUNT_QUEUES,
	ACCOUNT_FLOWS,
	ACCOUNT_BYTES,
	ACCOUNT_KINDS,
};

struct limits {
	uint64_t most[ACCOUNT_KINDS];
	uint64_t requests_per_second; /* of one connection; further ones wait */
	bool host_flows;
};

struct peer;

/* Before any other call. The limits must outlive everything. */
void account_init(const struct limits *limits);
void account_done(void);

/* The peer of a process, which pidfd (borrowed) names; a reference. NULL without memory. */
struct peer *peer_get(uid_t uid, int pidfd);

/*
 * Drops a reference. Returns true if the peer lives on because its process still runs and may hold
 * memory, and nobody waits for that yet: then peer_exited() is to be called, once, when it has
 * gone.
 */
bool peer_put(struct peer *p);
void peer_exited(struct peer *p);

/* Returns 0 or -EDQUOT. */
int account_charge(struct peer *p, enum account_kind kind, uint64_t n);
void account_release(struct peer *p, enum account_kind kind, uint64_t n);

#endif
