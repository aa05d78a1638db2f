/* SPDX-License-Identifier: MIT */
/* For lease.c, which takes leases, and lease_leave.c, which gives them back. */
#ifndef ZCRXD_LEASED_H
#define ZCRXD_LEASED_H

#include "daemon/grant/guarded.h"
#include "daemon/grant/leaving.h"

struct lease_wish;
struct leases;
struct user;

struct lease {
	struct leases *nic;
	struct user *user; /* a reference; it is charged the queues */
	struct guarded guarded;
	uint32_t next; /* of guarded.rxqs: the queue that the next rule steers to */
	struct leaving leaving;
	bool leaves; /* it was given back. Of who holds the NIC's lock */
	bool left;   /* atomic: the kernel has let go of it as well */
	bool unkept; /* nobody asks whether it has left: it is freed then. As `leaves` */
};

/* Asks the kernel about the leases of the NIC that were given back. With the NIC's lock held. */
void leases_look_leaving(struct leases *nic);

/* How many leases the kernel has let go of, ever. */
uint64_t leases_left(void);

/* Has the NIC as many queues as are wished, leased or not, that the class may lease? */
bool lease_may_be(const struct leases *nic, const struct lease_wish *wish);

/*
 * To be called when a lease was refused: own: because of leases of the same user's; otherwise
 * because a NIC has too few free queues. Asks the kernel about those that were given back, of the
 * user's or of NICs that have enough queues for the wish. If one was a moment ago, waits a moment.
 * Returns whether it is to try again. before: what leases_left() was when it tried.
 */
bool leases_wait_leaving(const struct lease_wish *wish, bool own, uint64_t before);

#endif
