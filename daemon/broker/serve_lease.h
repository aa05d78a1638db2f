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

#endif
