// SPDX-License-Identifier: GPL-2.0-only
/*
 * What a NIC's parser finds out about a packet: addresses, ports, and where TCP payload starts.
 *
 * A packet is split only if everything about it is sure: not a fragment, lengths that agree with
 * the frame, and no trailing bytes after the IP packet. All others stay whole.
 */
#include <linux/if_vlan.h>
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <linux/tcp.h>
#include <linux/udp.h>
#include <net/ip.h>
#include <net/ip6_checksum.h>
#include <net/ipv6.h>

#include "zcnic.h"

/* Ports, and for TCP the payload; @l4 is where the transport header starts. */
static void zcnic_parse_l4(const struct sk_buff *skb, unsigned int l4, bool whole,
			   struct zcnic_flow *flow)
{
	const struct tcphdr *tcp;
	const struct udphdr *udp;
	struct tcphdr tcp_buf;
	struct udphdr udp_buf;
	unsigned int hlen;

	switch (flow->ip_proto) {
	case IPPROTO_UDP:
		udp = skb_header_pointer(skb, l4, sizeof(udp_buf), &udp_buf);
		if (udp) {
			flow->sport = udp->source;
			flow->dport = udp->dest;
		}
		return;
	case IPPROTO_TCP:
		tcp = skb_header_pointer(skb, l4, sizeof(tcp_buf), &tcp_buf);
		if (!tcp)
			return;
		flow->sport = tcp->source;
		flow->dport = tcp->dest;
		hlen = __tcp_hdrlen(tcp);
		if (whole && hlen >= sizeof(*tcp) && l4 + hlen < skb->len) {
			flow->l4_off = l4;
			flow->payload_off = l4 + hlen;
		}
		return;
	}
}

static void zcnic_parse_ipv4(const struct sk_buff *skb, unsigned int l3, struct zcnic_flow *flow)
{
	const struct iphdr *ip;
	struct iphdr buf;

	ip = skb_header_pointer(skb, l3, sizeof(buf), &buf);
	if (!ip || ip->version != 4 || ip->ihl < 5)
		return;

	flow->family = AF_INET;
	flow->v4.saddr = ip->saddr;
	flow->v4.daddr = ip->daddr;
	if (ip_is_fragment(ip))
		return;

	flow->ip_proto = ip->protocol;
	zcnic_parse_l4(skb, l3 + ip->ihl * 4, l3 + ntohs(ip->tot_len) == skb->len, flow);
}

static void zcnic_parse_ipv6(const struct sk_buff *skb, unsigned int l3, struct zcnic_flow *flow)
{
	unsigned int end;
	const struct ipv6hdr *ip;
	struct ipv6hdr buf;
	__be16 frag_off;
	u8 nexthdr;
	int l4;

	ip = skb_header_pointer(skb, l3, sizeof(buf), &buf);
	if (!ip || ip->version != 6)
		return;

	flow->family = AF_INET6;
	flow->v6.saddr = ip->saddr;
	flow->v6.daddr = ip->daddr;

	nexthdr = ip->nexthdr;
	l4 = ipv6_skip_exthdr(skb, l3 + sizeof(*ip), &nexthdr, &frag_off);
	if (l4 < 0 || frag_off)
		return;

	flow->ip_proto = nexthdr;
	end = l3 + sizeof(*ip) + ntohs(ip->payload_len);
	zcnic_parse_l4(skb, l4, end == skb->len, flow);
}

/**
 * zcnic_parse() - parse a frame as it goes over the wire
 * @skb: frame, data at the Ethernet header
 * @flow: written in full
 */
void zcnic_parse(const struct sk_buff *skb, struct zcnic_flow *flow)
{
	const struct vlan_hdr *vlan;
	const struct ethhdr *eth;
	struct vlan_hdr vlan_buf;
	unsigned int l3 = ETH_HLEN;
	struct ethhdr eth_buf;
	__be16 proto;
	int tags;

	memset(flow, 0, sizeof(*flow));
	eth = skb_header_pointer(skb, 0, sizeof(eth_buf), &eth_buf);
	if (!eth)
		return;

	proto = eth->h_proto;
	for (tags = 0; tags < 2 && eth_type_vlan(proto); tags++) {
		vlan = skb_header_pointer(skb, l3, sizeof(vlan_buf), &vlan_buf);
		if (!vlan)
			return;
		proto = vlan->h_vlan_encapsulated_proto;
		l3 += VLAN_HLEN;
	}

	if (proto == htons(ETH_P_IP))
		zcnic_parse_ipv4(skb, l3, flow);
	else if (proto == htons(ETH_P_IPV6))
		zcnic_parse_ipv6(skb, l3, flow);
}

/**
 * zcnic_tcp_csum_good() - verify the checksum in a TCP packet
 * @skb: frame whose sender filled the checksum in
 * @flow: parsed from @skb, with TCP payload
 *
 * The stack cannot do this once the payload is in a provider's memory. A wrong "no" (a routing
 * header, say) only means that the packet is not split.
 */
bool zcnic_tcp_csum_good(const struct sk_buff *skb, const struct zcnic_flow *flow)
{
	unsigned int len = skb->len - flow->l4_off;
	__wsum csum = skb_checksum(skb, flow->l4_off, len, 0);

	if (flow->family == AF_INET)
		return !csum_tcpudp_magic(flow->v4.saddr, flow->v4.daddr, len, IPPROTO_TCP, csum);
	return !csum_ipv6_magic(&flow->v6.saddr, &flow->v6.daddr, len, IPPROTO_TCP, csum);
}
