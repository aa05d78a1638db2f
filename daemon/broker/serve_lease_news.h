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
 *
 * Leases that have ended come later, when all pumps have theirs: the broker before may have leased
 * the queue of such a one again and not have struck it from the record. Then it is struck now.
 */
void serve_lease_again(struct pump *p);
void serve_lease_again_ended(struct pump *p);

#endif
