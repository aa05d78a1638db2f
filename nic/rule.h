/* SPDX-License-Identifier: MIT */
/*
 * Ntuple rules as plain data: which packets they match, and where the packets go. Nothing here asks
 * the kernel.
 */
#ifndef ZCRX_NIC_RULE_H
#define ZCRX_NIC_RULE_H

#include <stdbool.h>
#include <stdint.h>

#define NIC_NO_QUEUE UINT32_MAX
#define NIC_NOWHERE  UINT32_MAX /* the rule has no location */

/* Whose packets a rule of zcrxd's matches. */
struct nic_socket {
	uint64_t cookie;  /* SO_COOKIE; 0: it is not known, and not asked for */
	uint32_t uid;     /* its owner */
	uint32_t ifindex; /* that it is bound to; 0: to none */
};

/*
 * A rule that steers one TCP stream, or with remote port 0 all streams to a local address and port,
 * to a receive queue.
 */
struct nic_rule {
	int family;                       /* AF_INET, AF_INET6 */
	uint8_t local[16], remote[16];    /* network order; IPv4 uses the first four bytes */
	uint16_t local_port, remote_port; /* host order */
	uint32_t queue;
	struct nic_socket socket;
};

/* Addresses and ports of packets, in the byte order of struct nic_rule. */
struct nic_match {
	uint8_t local[16], remote[16];
	uint16_t local_port, remote_port;
};

/* A rule as the NIC shows it. */
struct nic_rule_at {
	uint32_t location;
	uint32_t queue; /* NIC_NO_QUEUE: it drops, wakes, or feeds a virtual function */
	/* it spreads by the RSS table of `context`, to whose entries `queue` is added */
	bool spread;
	uint32_t context;
	int family;      /* AF_UNSPEC: the rule does not look at addresses */
	bool may_be_tcp; /* it matches some TCP packets */
	bool narrower;   /* it looks at more than is here, and so matches fewer packets */
	struct nic_match value, mask; /* only bits of `value` that are in `mask` count */
	bool own;                     /* the rule is zcrxd's, as nic_exclusive_judge() found */
};

/*
 * Can such a rule be set, and recognised afterwards? Its local address and port are some; it has
 * both of a remote address and port, or neither; no bytes lie behind addresses of IPv4.
 */
bool nic_rule_can_be(const struct nic_rule *rule);

/* Do both match the same packets, wherever the packets go? */
bool nic_rule_same(const struct nic_rule *a, const struct nic_rule *b);

/* Is it a rule such as nic_rule_add() sets? Then *ret is that rule. */
bool nic_rule_is_plain(const struct nic_rule_at *at, struct nic_rule *ret);

/* Is it what nic_rule_add() sets for this rule? */
bool nic_rule_is(const struct nic_rule_at *at, const struct nic_rule *rule);

/* How many of the packets that `rule` matches does `at` match as well? */
enum nic_overlap {
	NIC_OVERLAP_NONE,
	NIC_OVERLAP_SOME,
	NIC_OVERLAP_ALL
};
enum nic_overlap nic_rule_overlap(const struct nic_rule_at *at, const struct nic_rule *rule);

/* Says in words what the rule matches: "tcp4 to 192.0.2.1 port 443". */
#define NIC_MATCH_BYTES 160
void nic_rule_text(const struct nic_rule_at *at, char text[NIC_MATCH_BYTES]);

#endif
