/* SPDX-License-Identifier: MIT */
/* What became of a pump's leases and rules, while this broker ran or after the one before. */
#ifndef ZCRXD_SERVE_LEASE_NEWS_H
#define ZCRXD_SERVE_LEASE_NEWS_H

struct pump;

/* On the control thread: there is news of a lease, which the pump is told. */
void serve_lease_news(struct pump *p);

/*
 * A pump of the broker before has the leases and rules that its record says; it was told START. On
 * the control thread, before leases_settle().
 */
void serve_lease_again(struct pump *p);

#endif
