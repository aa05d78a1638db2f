/* SPDX-License-Identifier: MIT */
/* Leases, rules, and what takes privilege with a queue: on the pump's own thread, one by one. */
#ifndef ZCRXD_SERVE_LEASE_H
#define ZCRXD_SERVE_LEASE_H

#include "daemon/broker/pump.h"

/*
 * A pump of the broker before has the leases and rules that its record says; it was told START. On
 * the control thread, before leases_settle().
 */
void serve_lease_again(struct pump *p);

/* All that the pump has end; its process has ended. */
void serve_lease_end_all(struct pump *p);

/* On the control thread: there is news of a lease, which the pump is told. */
void serve_lease_news(struct pump *p);

/* Queues of a NIC. */
struct lease_place {
	uint32_t ifindex, n;
	uint32_t rxqs[LINK_RXQS_MAX];
};

/*
 * A hand begins to register the lease's queues. Returns 0 or -ENOENT; then serve_lease_registered()
 * is called when it is done, once, if the pump lives. given_up: nobody knows whether it did.
 */
int serve_lease_register(struct pump *p, uint32_t id, struct lease_place *ret);
void serve_lease_registered(struct pump *p, uint32_t id, bool given_up);

#endif
