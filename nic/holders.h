/* SPDX-License-Identifier: MIT */
/*
 * Finds processes that may hold a queue. The kernel does not tell which process a binding belongs
 * to. Only a ring with a zero-copy receive in flight is certain, since fdinfo shows it. Of other
 * users' processes only root sees anything.
 */
#ifndef ZCRX_NIC_HOLDERS_H
#define ZCRX_NIC_HOLDERS_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

struct queue_facts;

struct nic_holder {
	pid_t pid;
	char comm[20];
	/* it has a ring with a zero-copy receive in flight: it holds a queue for certain */
	bool recv_zc;
	bool ring;   /* it has a ring and CAP_NET_ADMIN */
	bool dmabuf; /* it has a dma-buf, a netlink socket and CAP_NET_ADMIN */
};

struct nic_holders {
	struct nic_holder *list;
	unsigned n;
	bool hidden; /* some processes could not be looked into */
};

/* Looks at all processes but this one. */
void nic_holders_get(struct nic_holders *ret);
void nic_holders_done(struct nic_holders *h);

/* Says by what the queue, which is held, is held, and by whom as far as that can be seen. */
void nic_holders_say(const struct nic_holders *h, const struct queue_facts *q, char *ret,
		     size_t size);

#endif
