/* SPDX-License-Identifier: MIT */
/*
 * Leases, and the registration of their queues: the handlers are in serve_lease.c and
 * serve_queue.c. What may wait for a NIC is a job (pump.h).
 */
#ifndef ZCRXD_SERVE_LEASE_H
#define ZCRXD_SERVE_LEASE_H

#include "daemon/broker/pump.h"
#include "policy/policy.h"

/* The pump's process has ended: ends all of its leases, with their rules. */
void serve_lease_end_all(struct pump *p);

/*
 * May the class receive with a backend that leases queues? It is judged again when a
 * queue is registered, since a lease can be taken for one backend and used with the other.
 * Returns 0, or a negative errno; *ret_why: LINK_TEXT_BYTES, why not, or "".
 */
int serve_lease_judge(const struct policy_class *class, uint32_t backend, char *ret_why);

/* Is the lease lost? Then ret_why, LINK_TEXT_BYTES, says why. */
bool serve_lease_is_lost(const struct held_lease *h, char *ret_why);

/* The queues of a lease. */
struct lease_place {
	uint64_t held; /* the number of the lease (held.h) */
	uint32_t ifindex, n;
	uint32_t rxqs[LINK_RXQS_MAX];
};

/*
 * A hand is to register the queues of the pump's lease `id`, which *ret says. Returns 0; -ENOENT;
 * -ENODEV if the lease is lost; or -EBUSY if one is at it already, or if one that was given up has
 * not ended. ret_why, LINK_TEXT_BYTES, says the last two unless one is at it.
 *
 * After 0 the caller calls serve_lease_begun() when the hand has begun, if it ever does, and
 * serve_lease_registered() once when it is done, if the pump still lives. given_up: the hand was
 * killed or has died, so nobody knows whether it registers the queues.
 */
int serve_lease_register(struct pump *p, uint32_t id, struct lease_place *ret, char *ret_why);
void serve_lease_begun(struct pump *p, uint64_t held, pid_t hand);
void serve_lease_registered(struct pump *p, uint64_t held, bool given_up);

#endif
