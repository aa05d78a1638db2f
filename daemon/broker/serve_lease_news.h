/* SPDX-License-Identifier: MIT */
/* What became of a pump's leases and rules, while this broker ran or after the one before. */
#ifndef ZCRXD_SERVE_LEASE_NEWS_H
#define ZCRXD_SERVE_LEASE_NEWS_H

struct pump;

/* There is news of some lease: tells the pump. To be called on the control thread. */
void serve_lease_news(struct pump *p);

/*
 * A pump was taken over and has been told START: it has the leases and rules that its record says.
 * To be called on the control thread, before leases_settle().
 */
void serve_lease_again(struct pump *p);

#endif
