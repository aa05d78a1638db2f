/* SPDX-License-Identifier: MIT */
/*
 * When the NICs of which queues are leased are to be looked at (leases_look()): after the kernel
 * told of a change of interfaces, addresses or routes, when a NIC may have to be put back, and at
 * the time that the last look named.
 */
#ifndef ZCRXD_NIC_WATCH_H
#define ZCRXD_NIC_WATCH_H

#include <systemd/sd-event.h>

struct netlink;

/* Zeroed at the beginning. */
struct nic_watch {
	sd_event_source *timer;    /* the next look */
	struct netlink *kernel[2]; /* tells of links, and of settings of interfaces; or NULL */
};

/* Where the kernel does not tell of changes, the log says so. */
void nic_watch_begin(struct nic_watch *w, sd_event *event);
void nic_watch_done(struct nic_watch *w);

#endif
