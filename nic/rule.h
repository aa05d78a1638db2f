/* SPDX-License-Identifier: MIT */
/* Ntuple rules: which packets they match, and where these go. Plain data; nobody is asked. */
#ifndef ZCRX_NIC_RULE_H
#define ZCRX_NIC_RULE_H

#include <stdbool.h>
#include <stdint.h>

#define NIC_NO_QUEUE UINT32_MAX
#define NIC_NOWHERE  UINT32_MAX /* no location */

/*
 * A rule that steers one TCP stream, or with remote port 0 all streams to a local address and port,
 * to a receive queue.
 */
struct nic_rule {
	int family;                       /* AF_INET, AF_INET6 */
	uint8_t local[16], remote[16];    /* network order; IPv4 uses the first four bytes */
	uint16_t local_port, remote_port; /* host order */
	uint32_t queue;
};

/* Addresses and ports of packets, in the same order. */
struct nic_match {
	uint8_t local[16], remote[16];
	uint16_t local_port, remote_port;
};

/* A rule as the NIC shows it. */
struct nic_rule_at {
	uint32_t location;
	uint32_t queue; /* NIC_NO_QUEUE: it drops, wakes, or feeds a virtual function */
	bool spread;    /* by the RSS table of `context`, whose numbers `queue` is added to */
	uint32_t context;
	int family;      /* AF_UNSPEC: it does not look at addresses */
	bool may_be_tcp; /* there are TCP packets that it matches */
	bool narrower;   /* it looks at more than is here: it matches only some of these packets */
	struct nic_match value, mask; /* a bit that is not in the mask does not count */
	bool own;                     /* ours; nic_exclusive_judge() says so */
};

/* Do they match the same packets, wherever these go? */
bool nic_rule_same(const struct nic_rule *a, const struct nic_rule *b);

/* Is it such as nic_rule_add() sets them? Then ret is what was set. */
bool nic_rule_is_plain(const struct nic_rule_at *at, struct nic_rule *ret);

/* Is it what nic_rule_add() set for this one? */
bool nic_rule_is(const struct nic_rule_at *at, const struct nic_rule *rule);

/* Does it match packets that the rule matches, too? */
enum nic_overlap {
	NIC_OVERLAP_NONE,
	NIC_OVERLAP_SOME,
	NIC_OVERLAP_ALL
};
enum nic_overlap nic_rule_overlap(const struct nic_rule_at *at, const struct nic_rule *rule);

/* What it matches, for people: "tcp4 to 192.0.2.1 port 443". */
#define NIC_MATCH_BYTES 160
void nic_rule_text(const struct nic_rule_at *at, char text[NIC_MATCH_BYTES]);

#endif
