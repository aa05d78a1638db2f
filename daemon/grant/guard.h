/* SPDX-License-Identifier: MIT */
/*
 * Sees to it that nothing but zcrxd's rules leads packets to the leased queues of a NIC, for as
 * long as they are leased. A thread of the NIC's own gathers the facts again and again (facts.h),
 * and nic/exclusive.h judges them: soon after the kernel told of a change, once for all that it
 * told of, and every few seconds, since the kernel tells nothing of rules. What can be put right is
 * put right. A queue that others' packets are led to is lost.
 *
 * The guard owns the NIC's lock. It is held by whoever calls, but for guard_init(), guard_done()
 * and guard_look().
 */
#ifndef ZCRXD_GUARD_H
#define ZCRXD_GUARD_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>

#include "daemon/grant/guarded.h"
#include "daemon/grant/rules.h"

struct guard {
	const char *nic;                 /* borrowed */
	const struct nic_queues *queues; /* borrowed: they must not be in the RSS table */
	pthread_mutex_t lock;            /* the NIC's; whoever leases queues of it takes it, too */
	struct rules rules;
	LIST_HEAD(, guarded) leases;
	uint32_t ifindex;
	bool begun;       /* guard_begin() was called */
	uint64_t changes; /* counts rules and leases that came or went */
	uint64_t cost_ms; /* how long it took to gather the facts the last time */
	bool blind;       /* the NIC did not tell the last time, and this was logged */

	int wake;  /* eventfd */
	bool stop; /* atomic */
	bool is_thread;
	pthread_t thread;
};

/* Starts the thread. Returns 0 or a negative errno; then the lock is there all the same. */
int guard_init(struct guard *g, const char *nic, const struct nic_queues *queues);
/* Joins the thread. The rules stay. */
void guard_done(struct guard *g);

/* The leases and rules of the zcrxd before are here: from now on the thread looks. */
void guard_begin(struct guard *g);

/* Makes the thread look soon, since something changed. Does not block. */
void guard_look(struct guard *g);

/*
 * Which queues are packets of others led to now? asked[i] says whether queues->ids[i] is asked for,
 * and becomes the answer. why becomes a sentence about the first of these queues, or "". The RSS
 * table does not count, since it is put right; if left_behind, rules that look like zcrxd's do not
 * count either. Returns 0, or a negative errno if that cannot be told.
 */
int guard_survey(struct guard *g, uint32_t ifindex, bool left_behind, bool *asked,
		 char why[NIC_SENTENCE_BYTES]);

/* A lease begins, or ends. */
void guard_add(struct guard *g, struct guarded *lease, uint32_t ifindex);
void guard_remove(struct guard *g, struct guarded *lease);

/* rules_add() and rules_del() for a lease. */
int guard_rule_add(struct guard *g, struct guarded *lease, const struct nic_rule *match,
		   const struct nic_place *place, struct lease_rule **ret);
void guard_rule_del(struct guard *g, struct lease_rule *rule);

#endif
