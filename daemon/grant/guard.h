/* SPDX-License-Identifier: MIT */
/*
 * Sees to it that nothing but zcrxd's rules leads packets to the leased queues of a NIC, for as
 * long as they are leased. nic/exclusive.h says whether it is so; here the facts are gathered again
 * and again, on a thread of the NIC's own, which nobody waits for: soon after the kernel told of a
 * change, however many it told of, and every few seconds, since it tells nothing of rules. What can
 * be put right is; a queue that is reached by what is not zcrxd's is lost.
 *
 * All but guard_look() is called with the NIC's lock held.
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
	const char *nic;                 /* borrowed, as these */
	const struct nic_queues *queues; /* that must not be in the RSS table */
	pthread_mutex_t *lock;
	struct rules rules;
	LIST_HEAD(, guarded) leases;
	uint32_t ifindex;
	uint64_t changes; /* of rules and leases */
	uint64_t cost_ms; /* how long it took to gather the facts */
	bool blind;       /* the NIC does not tell; that was said */

	int wake; /* eventfd */
	bool stop;
	bool is_thread;
	pthread_t thread;
};

/* Starts the thread. Returns 0 or a negative errno. */
int guard_init(struct guard *g, const char *nic, const struct nic_queues *queues,
	       pthread_mutex_t *lock);
/* Without the lock. Joins the thread; rules stay. */
void guard_done(struct guard *g);

/* Something changed: have a look. Does not block. */
void guard_look(struct guard *g);

/*
 * Are packets of others led to those of `queues` that are asked for, now? What is asked beside each
 * of them becomes the answer. The sentence is about the first that has some, "" if there is none.
 * The RSS table does not count: it is put right; nor, if `left_behind`, such rules as zcrxd sets.
 * Returns 0 or a negative errno if that cannot be told.
 */
int guard_survey(struct guard *g, uint32_t ifindex, bool left_behind, bool *asked,
		 char why[NIC_SENTENCE_BYTES]);

/* The lease begins, and ends. */
void guard_add(struct guard *g, struct guarded *lease, uint32_t ifindex);
void guard_remove(struct guard *g, struct guarded *lease);

/* Rules of the lease's; see rules.h. */
int guard_rule_add(struct guard *g, struct guarded *lease, const struct nic_rule *match,
		   const struct nic_place *place, struct lease_rule **ret);
void guard_rule_del(struct guard *g, struct lease_rule *rule);

#endif
