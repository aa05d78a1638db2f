/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * zcnic: a software NIC that takes page pool memory providers.
 *
 * Two ports make a pair: what one transmits the other receives. The transmitted skb itself is the
 * wire: it waits on the receive queue that the receiver's steering chose, until that queue's NAPI
 * copies it ("DMA") into buffers of the queue's own page pools and frees it.
 */
#ifndef ZCNIC_H
#define ZCNIC_H

#include <linux/ethtool.h>
#include <linux/netdevice.h>
#include <linux/skbuff.h>
#include <linux/smp.h>
#include <linux/u64_stats_sync.h>
#include <net/netdev_queues.h>
#include <net/page_pool/types.h>

#define ZCNIC_RING_MIN		16
#define ZCNIC_RING_DEFAULT	512
#define ZCNIC_RING_MAX		4096
#define ZCNIC_HDS_THRESH_MAX	4096
#define ZCNIC_CHUNK_MAX		SZ_64K
#define ZCNIC_RSS_KEY_LEN	40
#define ZCNIC_RSS_INDIR_LEN	128
#define ZCNIC_RSS_CONTEXTS	32
#define ZCNIC_RULES		256
#define ZCNIC_QUEUE_DROP	-1

/**
 * struct zcnic_flow - what the receiver's parser finds in a packet
 * @family:	AF_INET, AF_INET6, or 0: not IP
 * @ip_proto:	protocol after all extension headers, or 0 for a fragment
 * @sport:	source port, TCP and UDP only
 * @dport:	destination port, likewise
 * @v4:		addresses if AF_INET
 * @v6:		addresses if AF_INET6
 * @l4_off:	offset of the TCP header, valid with @payload_off
 * @payload_off: offset of the TCP payload, 0 if there is none to split off
 */
struct zcnic_flow {
	u8 family;
	u8 ip_proto;
	__be16 sport;
	__be16 dport;
	union {
		struct {
			__be32 saddr;
			__be32 daddr;
		} v4;
		struct {
			struct in6_addr saddr;
			struct in6_addr daddr;
		} v6;
	};
	unsigned int l4_off;
	unsigned int payload_off;
};

/* What steering leaves in skb->cb for the queue's NAPI. */
struct zcnic_cb {
	u32 hash;
	u32 payload_off;
	bool l4_hash;
};

#define ZCNIC_CB(skb) ((struct zcnic_cb *)(skb)->cb)

struct zcnic_rx_stats {
	u64_stats_t packets;
	u64_stats_t bytes;
	u64_stats_t alloc_fail;
	u64_stats_t drops;
	u64_stats_t csum_unnecessary;
	u64_stats_t csum_none;
	struct u64_stats_sync syncp;
};

struct zcnic_tx_stats {
	u64_stats_t packets;
	u64_stats_t bytes;
	u64_stats_t drops;
	u64_stats_t needs_csum;
	u64_stats_t csum_none;
	u64_stats_t gso_packets;
	u64_stats_t gso_bytes;
	struct u64_stats_sync syncp;
};

/* The memory of a receive queue: what the queue management ops exchange. */
struct zcnic_pools {
	struct page_pool *head;		/* always pages: headers and whole packets */
	struct page_pool *data;		/* TCP payload: pages, or a provider's memory */
};

/* Counters of the "every Nth" faults, touched by the queue's NAPI only. */
struct zcnic_fault_counts {
	u32 drop;
	u32 unsplit;
	u32 alloc_fail;
};

struct zcnic_queue {
	struct zcnic_port *port;
	struct napi_struct napi;
	struct zcnic_pools pools;	/* NAPI's while enabled, else the instance lock's */
	struct sk_buff_head wire;	/* arrived, not yet received */
	bool open;			/* senders look under RCU */
	unsigned int cpu;		/* where the "interrupt" goes */
	call_single_data_t irq;
	struct zcnic_fault_counts faults;
	struct zcnic_rx_stats rx;	/* written by NAPI */
	atomic64_t overruns;		/* written by senders */
	struct zcnic_tx_stats tx;	/* written under the transmit queue's lock */
} ____cacheline_aligned_in_smp;

struct zcnic_rss {
	u8 key[ZCNIC_RSS_KEY_LEN];
	u32 indir[ZCNIC_RSS_INDIR_LEN];
	struct rcu_head rcu;
};

/* Set through debugfs at any time, read once per packet. */
struct zcnic_faults {
	struct dentry *dir;
	u32 drop_every;
	u32 unsplit_every;
	u32 alloc_fail_every;
	u32 linear_payload;
	bool no_dma;
	bool plain_locations;
};

/* Configuration is written under the instance lock; the datapath reads it under RCU. */
struct zcnic_port {
	struct net_device *dev;
	struct zcnic_port *peer;	/* never changes, dies together with this one */
	struct device *dma_dev;
	struct zcnic_queue *queues;
	bool split;			/* tcp-data-split is on */
	u32 hds_thresh;
	u32 ring_len;
	struct zcnic_rss __rcu *rss[ZCNIC_RSS_CONTEXTS];
	struct list_head rules;		/* sorted by location */
	unsigned int n_rules;
	atomic64_t filtered;		/* dropped by a rule */
	struct zcnic_faults faults;
};

/* parse.c */
void zcnic_parse(const struct sk_buff *skb, struct zcnic_flow *flow);
bool zcnic_tcp_csum_good(const struct sk_buff *skb, const struct zcnic_flow *flow);

/* tx.c */
netdev_tx_t zcnic_start_xmit(struct sk_buff *skb, struct net_device *dev);

/* rx.c */
void zcnic_irq_init(struct zcnic_queue *q, unsigned int index);
void zcnic_irq(struct zcnic_queue *q);
int zcnic_poll(struct napi_struct *napi, int budget);

/* queue.c */
extern const struct netdev_queue_mgmt_ops zcnic_queue_mgmt_ops;
int zcnic_queues_reset(struct zcnic_port *port);
int zcnic_queues_up(struct zcnic_port *port, unsigned int from, unsigned int to);
void zcnic_queues_down(struct zcnic_port *port, unsigned int from, unsigned int to);

/* rss.c */
int zcnic_rss_init(struct zcnic_port *port);
void zcnic_rss_exit(struct zcnic_port *port);
int zcnic_rss_spread(struct zcnic_port *port, unsigned int queues);
unsigned int zcnic_rss_queue(const struct zcnic_port *port, u32 context,
			     const struct zcnic_flow *flow, u32 *hash);
u32 zcnic_get_rxfh_key_size(struct net_device *dev);
u32 zcnic_get_rxfh_indir_size(struct net_device *dev);
int zcnic_get_rxfh(struct net_device *dev, struct ethtool_rxfh_param *rxfh);
int zcnic_set_rxfh(struct net_device *dev, struct ethtool_rxfh_param *rxfh,
		   struct netlink_ext_ack *extack);
int zcnic_get_rxfh_fields(struct net_device *dev, struct ethtool_rxfh_fields *fields);
int zcnic_create_rxfh_context(struct net_device *dev, struct ethtool_rxfh_context *ctx,
			      const struct ethtool_rxfh_param *rxfh,
			      struct netlink_ext_ack *extack);
int zcnic_modify_rxfh_context(struct net_device *dev, struct ethtool_rxfh_context *ctx,
			      const struct ethtool_rxfh_param *rxfh,
			      struct netlink_ext_ack *extack);
int zcnic_remove_rxfh_context(struct net_device *dev, struct ethtool_rxfh_context *ctx,
			      u32 rss_context, struct netlink_ext_ack *extack);

/* ntuple.c */
int zcnic_steer(const struct zcnic_port *port, const struct zcnic_flow *flow, u32 *hash);
void zcnic_rules_flush(struct zcnic_port *port);
int zcnic_get_rxnfc(struct net_device *dev, struct ethtool_rxnfc *info, u32 *locs);
int zcnic_set_rxnfc(struct net_device *dev, struct ethtool_rxnfc *info);

/* ethtool.c */
extern const struct ethtool_ops zcnic_ethtool_ops;

/* stats.c */
extern const struct netdev_stat_ops zcnic_stat_ops;
void zcnic_stats_init(struct zcnic_queue *q);
void zcnic_get_stats64(struct net_device *dev, struct rtnl_link_stats64 *stats);

/* faults.c */
void zcnic_faults_init(struct zcnic_port *port, struct dentry *root);
void zcnic_faults_exit(struct zcnic_port *port);
bool zcnic_fault_hits(u32 *count, const u32 *every);

#endif
