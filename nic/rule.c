/* SPDX-License-Identifier: MIT */
#include "nic/rule.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>

bool nic_rule_same(const struct nic_rule *a, const struct nic_rule *b)
{
	return a->family == b->family && a->local_port == b->local_port &&
	       a->remote_port == b->remote_port &&
	       memcmp(a->local, b->local, sizeof(a->local)) == 0 &&
	       memcmp(a->remote, b->remote, sizeof(a->remote)) == 0;
}

static size_t address_bytes(int family)
{
	return family == AF_INET ? 4 : 16;
}

/* The bits of a packet that a rule of ours looks at. */
static struct nic_match mask_of(const struct nic_rule *rule)
{
	struct nic_match m = {.local_port = UINT16_MAX};

	memset(m.local, 0xff, address_bytes(rule->family));
	if (rule->remote_port) {
		m.remote_port = UINT16_MAX;
		memset(m.remote, 0xff, address_bytes(rule->family));
	}
	return m;
}

static struct nic_match value_of(const struct nic_rule *rule)
{
	struct nic_match v = {.local_port = rule->local_port, .remote_port = rule->remote_port};

	memcpy(v.local, rule->local, address_bytes(rule->family));
	if (rule->remote_port)
		memcpy(v.remote, rule->remote, address_bytes(rule->family));
	return v;
}

static bool is_zero(const uint8_t *bytes, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (bytes[i])
			return false;
	return true;
}

/* Nothing lies behind an address of IPv4. */
static bool is_address_of(const uint8_t address[16], int family)
{
	size_t bytes = address_bytes(family);

	return is_zero(address + bytes, 16 - bytes);
}

bool nic_rule_can_be(const struct nic_rule *rule)
{
	if ((rule->family != AF_INET && rule->family != AF_INET6) || !rule->local_port ||
	    is_zero(rule->local, sizeof(rule->local)) ||
	    is_zero(rule->remote, sizeof(rule->remote)) != !rule->remote_port)
		return false;
	return is_address_of(rule->local, rule->family) &&
	       is_address_of(rule->remote, rule->family);
}

bool nic_rule_is_plain(const struct nic_rule_at *at, struct nic_rule *ret)
{
	struct nic_match mask;
	struct nic_rule rule = {.family = at->family,
				.local_port = at->value.local_port,
				.remote_port = at->value.remote_port,
				.queue = at->queue};

	if (at->queue == NIC_NO_QUEUE || at->spread || at->narrower || !at->may_be_tcp ||
	    (at->family != AF_INET && at->family != AF_INET6))
		return false;
	memcpy(rule.local, at->value.local, sizeof(rule.local));
	memcpy(rule.remote, at->value.remote, sizeof(rule.remote));
	mask = mask_of(&rule);
	if (memcmp(&mask, &at->mask, sizeof(mask)) != 0)
		return false;
	*ret = rule;
	return true;
}

bool nic_rule_is(const struct nic_rule_at *at, const struct nic_rule *rule)
{
	struct nic_rule there;

	return nic_rule_is_plain(at, &there) && nic_rule_same(&there, rule) &&
	       there.queue == rule->queue;
}

enum nic_overlap nic_rule_overlap(const struct nic_rule_at *at, const struct nic_rule *rule)
{
	const struct nic_match value = value_of(rule), mask = mask_of(rule);
	const uint8_t *v = (const uint8_t *)&value, *m = (const uint8_t *)&mask;
	const uint8_t *w = (const uint8_t *)&at->value, *n = (const uint8_t *)&at->mask;
	bool all = !at->narrower;

	if (!at->may_be_tcp || (at->family != AF_UNSPEC && at->family != rule->family))
		return NIC_OVERLAP_NONE;
	for (size_t i = 0; i < sizeof(value); i++) {
		if ((v[i] ^ w[i]) & m[i] & n[i])
			return NIC_OVERLAP_NONE;
		all &= (n[i] & ~m[i]) == 0;
	}
	return all ? NIC_OVERLAP_ALL : NIC_OVERLAP_SOME;
}

static void side_text(const struct nic_rule_at *at, const char *word, bool local, char *text)
{
	static const uint8_t zero[16];
	const uint8_t *ip = local ? at->value.local : at->value.remote;
	const uint8_t *mask = local ? at->mask.local : at->mask.remote;
	uint16_t port = local ? at->value.local_port : at->value.remote_port;
	uint16_t port_mask = local ? at->mask.local_port : at->mask.remote_port;
	bool address = memcmp(mask, zero, sizeof(zero)) != 0;
	char name[INET6_ADDRSTRLEN] = "";
	size_t used = strlen(text);

	if (address)
		inet_ntop(at->family, ip, name, sizeof(name));
	if (address || port_mask)
		used += (size_t)snprintf(text + used, NIC_MATCH_BYTES - used, " %s%s%s", word,
					 address ? " " : "", name);
	if (port_mask)
		snprintf(text + used, NIC_MATCH_BYTES - used, " port %u", port);
}

void nic_rule_text(const struct nic_rule_at *at, char text[NIC_MATCH_BYTES])
{
	snprintf(text, NIC_MATCH_BYTES, "%s",
		 at->family == AF_UNSPEC  ? "packets"
		 : at->family == AF_INET6 ? "TCP over IPv6"
					  : "TCP over IPv4");
	if (at->family == AF_UNSPEC)
		return;
	side_text(at, "to", true, text);
	side_text(at, "from", false, text);
}
