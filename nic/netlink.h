/* SPDX-License-Identifier: MIT */
/*
 * Netlink: connections, requests, and their answers, whose attributes attrs.h reads. Only the
 * modules netlink, netlink_ask and attrs include libnl.
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
 * An attribute of a request that is a number. Neighbours with the same `nest`, unless it is 0,
 * share one nest. The next nest begins at an attribute of the type that the nest began with.
 */
struct netlink_put {
	uint16_t nest;
	uint16_t type;
	uint32_t value;
	uint8_t bytes; /* the width of the number: 1, or 0 for 4 */
};

struct netlink_request {
	uint8_t cmd;
	bool dump;
	const struct netlink_put *puts;
	unsigned n_puts;
	struct { /* one more attribute, which is not a number */
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
 * Opens a connection that only listens: to a group of the generic netlink family, or with NULL to
 * changes of links, addresses and routes. netlink_drain() discards the messages that have come,
 * without blocking, and returns whether there were any.
 */
int netlink_listen(struct netlink **ret, const char *family, const char *group);
int netlink_fd(const struct netlink *nl);
bool netlink_drain(struct netlink *nl);

/*
 * Sends a request and calls request->reply for each message of the answer. Returns 0 or the
 * kernel's negative errno.
 */
int netlink_ask(struct netlink *nl, const struct netlink_request *request);
int netlink_ask_links(struct netlink *nl,
		      void (*reply)(void *arg, const struct ifinfomsg *info, struct attrs attrs),
		      void *arg);

/*
 * Sends a request of rtnetlink: its type is cmd, and it begins with this header. The answers begin
 * with a header of the same size. Only this function uses `more`.
 */
int netlink_ask_rt(struct netlink *nl, const struct netlink_request *request, const void *header,
		   size_t header_bytes);

#endif
