/* SPDX-License-Identifier: MIT */
#include "nic/rule_spec.h"

#include <arpa/inet.h>
#include <assert.h>
#include <linux/ethtool.h>
#include <netinet/in.h>
#include <string.h>

static void write_ipv4(struct ethtool_rx_flow_spec *fs, const struct nic_rule *rule)
{
	struct ethtool_tcpip4_spec *spec = &fs->h_u.tcp_ip4_spec, *mask = &fs->m_u.tcp_ip4_spec;

	fs->flow_type = TCP_V4_FLOW;
	memcpy(&spec->ip4dst, rule->local, 4);
	mask->ip4dst = UINT32_MAX;
	spec->pdst = htons(rule->local_port);
	mask->pdst = UINT16_MAX;
	if (!rule->remote_port)
		return;
	memcpy(&spec->ip4src, rule->remote, 4);
	spec->psrc = htons(rule->remote_port);
	mask->ip4src = UINT32_MAX;
	mask->psrc = UINT16_MAX;
}

static void write_ipv6(struct ethtool_rx_flow_spec *fs, const struct nic_rule *rule)
{
	struct ethtool_tcpip6_spec *spec = &fs->h_u.tcp_ip6_spec, *mask = &fs->m_u.tcp_ip6_spec;

	fs->flow_type = TCP_V6_FLOW;
	memcpy(spec->ip6dst, rule->local, 16);
	memset(mask->ip6dst, 0xff, 16);
	spec->pdst = htons(rule->local_port);
	mask->pdst = UINT16_MAX;
	if (!rule->remote_port)
		return;
	memcpy(spec->ip6src, rule->remote, 16);
	spec->psrc = htons(rule->remote_port);
	memset(mask->ip6src, 0xff, 16);
	mask->psrc = UINT16_MAX;
}

void rule_spec_write(struct ethtool_rx_flow_spec *fs, const struct nic_rule *rule)
{
	fs->ring_cookie = rule->queue;
	if (rule->family == AF_INET)
		write_ipv4(fs, rule);
	else
		write_ipv6(fs, rule);
}

/* Reads the first four bytes behind the IP header, which in TCP are the ports. */
static void ports_read(struct nic_match *m, __be32 l4)
{
	m->remote_port = (uint16_t)(ntohl(l4) >> 16);
	m->local_port = (uint16_t)ntohl(l4);
}

static void read_tcp4(const union ethtool_flow_union *u, struct nic_match *m)
{
	memcpy(m->local, &u->tcp_ip4_spec.ip4dst, 4);
	memcpy(m->remote, &u->tcp_ip4_spec.ip4src, 4);
	m->local_port = ntohs(u->tcp_ip4_spec.pdst);
	m->remote_port = ntohs(u->tcp_ip4_spec.psrc);
}

static void read_tcp6(const union ethtool_flow_union *u, struct nic_match *m)
{
	memcpy(m->local, u->tcp_ip6_spec.ip6dst, 16);
	memcpy(m->remote, u->tcp_ip6_spec.ip6src, 16);
	m->local_port = ntohs(u->tcp_ip6_spec.pdst);
	m->remote_port = ntohs(u->tcp_ip6_spec.psrc);
}

static void read_ip4(const union ethtool_flow_union *u, struct nic_match *m)
{
	memcpy(m->local, &u->usr_ip4_spec.ip4dst, 4);
	memcpy(m->remote, &u->usr_ip4_spec.ip4src, 4);
	ports_read(m, u->usr_ip4_spec.l4_4_bytes);
}

static void read_ip6(const union ethtool_flow_union *u, struct nic_match *m)
{
	memcpy(m->local, u->usr_ip6_spec.ip6dst, 16);
	memcpy(m->remote, u->usr_ip6_spec.ip6src, 16);
	ports_read(m, u->usr_ip6_spec.l4_4_bytes);
}

static bool may_be_tcp(uint8_t value, uint8_t mask)
{
	return ((value ^ IPPROTO_TCP) & mask) == 0;
}

static void match_read(const struct ethtool_rx_flow_spec *fs, struct nic_rule_at *ret)
{
	const union ethtool_flow_union *h = &fs->h_u, *m = &fs->m_u;

	switch (fs->flow_type & ~(FLOW_EXT | FLOW_MAC_EXT | FLOW_RSS)) {
	case TCP_V4_FLOW:
		ret->family = AF_INET;
		ret->may_be_tcp = true;
		ret->narrower = m->tcp_ip4_spec.tos;
		read_tcp4(h, &ret->value);
		read_tcp4(m, &ret->mask);
		break;
	case TCP_V6_FLOW:
		ret->family = AF_INET6;
		ret->may_be_tcp = true;
		ret->narrower = m->tcp_ip6_spec.tclass;
		read_tcp6(h, &ret->value);
		read_tcp6(m, &ret->mask);
		break;
	case IPV4_USER_FLOW:
		ret->family = AF_INET;
		ret->may_be_tcp = may_be_tcp(h->usr_ip4_spec.proto, m->usr_ip4_spec.proto);
		ret->narrower = m->usr_ip4_spec.tos;
		read_ip4(h, &ret->value);
		read_ip4(m, &ret->mask);
		break;
	case IPV6_USER_FLOW:
		ret->family = AF_INET6;
		ret->may_be_tcp = may_be_tcp(h->usr_ip6_spec.l4_proto, m->usr_ip6_spec.l4_proto);
		ret->narrower = m->usr_ip6_spec.tclass;
		read_ip6(h, &ret->value);
		read_ip6(m, &ret->mask);
		break;
	case ETHER_FLOW:
		ret->may_be_tcp = ret->narrower = true;
		break;
	default: /* UDP, SCTP, AH, ESP and whatever is not IP */
		break;
	}
	ret->narrower |= (fs->flow_type & (FLOW_EXT | FLOW_MAC_EXT)) != 0;
}

/* Clears the bits of the value that are not in the mask. Some drivers do so themselves. */
static void mask_apply(struct nic_rule_at *at)
{
	uint8_t *value = (uint8_t *)&at->value;
	const uint8_t *mask = (const uint8_t *)&at->mask;

	static_assert(sizeof(at->value) == 36, "no padding");
	for (size_t i = 0; i < sizeof(at->value); i++)
		value[i] &= mask[i];
}

void rule_spec_read(const struct ethtool_rxnfc *nfc, struct nic_rule_at *ret)
{
	const struct ethtool_rx_flow_spec *fs = &nfc->fs;
	bool away = fs->ring_cookie >= RX_CLS_FLOW_WAKE ||
		    ethtool_get_flow_spec_ring_vf(fs->ring_cookie) != 0;

	*ret = (struct nic_rule_at){
		.location = fs->location,
		.queue =
			away ? NIC_NO_QUEUE : (uint32_t)ethtool_get_flow_spec_ring(fs->ring_cookie),
		.spread = !away && (fs->flow_type & FLOW_RSS) != 0,
		.context = fs->flow_type & FLOW_RSS ? nfc->rss_context : 0,
	};
	match_read(fs, ret);
	mask_apply(ret);
}
