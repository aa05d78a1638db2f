/* SPDX-License-Identifier: MIT */
/*
 * Netlink as little as it takes: connections, requests, and the answers' attributes (attrs.h). Only
 * these two modules include libnl.
 */
#ifndef ZCRX_NIC_NETLINK_H
#define ZCRX_NIC_NETLINK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "nic/attrs.h"

struct ifinfomsg;
struct netlink;

/*
 * One attribute of a request. Neighbours with the same `nest` (not 0) share one nest; the next one
 * begins where the type it began with comes again.
 */
struct netlink_put {
	uint16_t nest;
	uint16_t type;
	uint32_t value;
	uint8_t bytes; /* width: 1, or 0 for 4 */
};

struct netlink_request {
	uint8_t cmd;
	bool dump;
	const struct netlink_put *puts;
	unsigned n_puts;
	struct { /* one more attribute, if it is not a number */
		uint16_t type, bytes;
		const void *data;
	} more;
	void (*reply)(void *arg, struct attrs attrs);
	void *arg;
	char *why; /* gets what the kernel says of a refusal, or "" */
	size_t why_bytes;
};

/*
 * Opens a connection to the generic netlink family, or, with NULL, to rtnetlink. Returns 0 or a
 * negative errno: -ENOENT if the kernel has no such family.
 */
int netlink_open(struct netlink **ret, const char *family);
struct netlink *netlink_close(struct netlink *nl);

/*
 * Opens a connection that only listens: to the group of the generic netlink family, or, with NULL,
 * to changes of links, addresses and routes. netlink_drain() takes what came, without a look, and
 * never blocks. Returns whether anything had come.
 */
int netlink_listen(struct netlink **ret, const char *family, const char *group);
int netlink_fd(const struct netlink *nl);
bool netlink_drain(struct netlink *nl);

/* Sends a request, calls reply for every message of the answer. Returns 0 or the kernel's errno. */
int netlink_ask(struct netlink *nl, const struct netlink_request *request);
int netlink_ask_links(struct netlink *nl,
		      void (*reply)(void *arg, const struct ifinfomsg *info, struct attrs attrs),
		      void *arg);

/*
 * The same of rtnetlink: a request of this type with this header. Its answers begin with a header
 * of the same size. cmd is the type; `more` is for this only.
 */
int netlink_ask_rt(struct netlink *nl, const struct netlink_request *request, const void *header,
		   size_t header_bytes);

#endif
