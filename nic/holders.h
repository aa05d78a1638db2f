/* SPDX-License-Identifier: MIT */
/*
 * Who may be holding a queue. The kernel does not say which process a binding belongs to, so this
 * looks for processes that could: it is certain only of a ring with a zero-copy receive in flight,
 * which fdinfo shows. Best effort, and of other users' processes only root sees anything.
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
	bool recv_zc; /* has a ring with a zero-copy receive in flight: that one is sure */
	bool ring;    /* has a ring, and CAP_NET_ADMIN */
	bool dmabuf;  /* has a dma-buf and a netlink socket, and CAP_NET_ADMIN */
};

struct nic_holders {
	struct nic_holder *list;
	unsigned n;
	bool hidden; /* some could not be looked into */
};

/* All but this process. */
void nic_holders_get(struct nic_holders *ret);
void nic_holders_done(struct nic_holders *h);

/* By what this queue is held, which is, and by whom as far as that can be seen. */
void nic_holders_say(const struct nic_holders *h, const struct queue_facts *q, char *ret,
		     size_t size);

#endif
