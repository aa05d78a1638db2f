// SPDX-License-Identifier: GPL-2.0-only
/*
 * Receive: NAPI, header/data split and the "DMA".
 *
 * A TCP packet that is split has exactly its headers in the linear part and its payload in buffers
 * of the data pool, which a memory provider may own: the CPU reaches those through their DMA
 * address only. Every other packet lies in pages of the head pool, always readable. Payload in the
 * linear part together with a provider's memory breaks readers (GRO and TCP coalescing turn a
 * page-backed head into a fragment), hence a head from kmalloc where a fault asks for just that.
 * GRO even merges what is readable with what is not, and then nobody can read either: what is not
 * split like the rest of its stream is not merged.
 */
#include <linux/dma-direct.h>
#include <linux/etherdevice.h>
#include <net/gro.h>
#include <net/page_pool/helpers.h>

#include "zcnic.h"

#define ZCNIC_COPY_WHOLE	256	/* packets up to this size need no fragment */
#define ZCNIC_HEAD_ROOM		(NET_SKB_PAD + NET_IP_ALIGN)

/* Where one packet goes: decided once, before anything is allocated. */
struct zcnic_plan {
	unsigned int linear;		/* bytes in the linear part */
	bool split;			/* the rest goes to the data pool */
	bool kmalloc_head;
	bool no_dma;
	bool alone;			/* not to be merged with others */
};

static void *zcnic_dma_to_virt(const struct zcnic_port *port, netmem_ref netmem)
{
	return phys_to_virt(dma_to_phys(port->dma_dev, netmem_get_dma_addr(netmem)));
}

/* Copies from a transmitted skb, whose fragments may be in a dma-buf. */
static void zcnic_fetch(const struct zcnic_port *port, const struct sk_buff *skb,
			unsigned int off, void *to, unsigned int len)
{
	unsigned int start = skb_headlen(skb);
	unsigned int i, n;

	if (skb_frags_readable(skb)) {
		skb_copy_bits(skb, off, to, len);
		return;
	}

	if (off < start) {
		n = min(len, start - off);
		memcpy(to, skb->data + off, n);
		to += n;
		off += n;
		len -= n;
	}
	for (i = 0; len && i < skb_shinfo(skb)->nr_frags; i++) {
		const skb_frag_t *frag = &skb_shinfo(skb)->frags[i];
		unsigned int end = start + skb_frag_size(frag);

		if (off < end) {
			netmem_ref netmem = skb_frag_netmem(frag);
			void *from = netmem_is_net_iov(netmem) ?
				     zcnic_dma_to_virt(port, netmem) : netmem_address(netmem);

			n = min(len, end - off);
			memcpy(to, from + skb_frag_off(frag) + off - start, n);
			to += n;
			off += n;
			len -= n;
		}
		start = end;
	}
}

static struct sk_buff *zcnic_alloc_head(struct zcnic_queue *q, const struct zcnic_plan *plan)
{
	unsigned int size = SKB_HEAD_ALIGN(ZCNIC_HEAD_ROOM + plan->linear);
	struct sk_buff *skb;
	void *va;

	if (plan->kmalloc_head) {
		skb = alloc_skb(ZCNIC_HEAD_ROOM + plan->linear, GFP_ATOMIC | __GFP_NOWARN);
	} else {
		va = page_pool_dev_alloc_va(q->pools.head, &size);
		if (!va)
			return NULL;
		skb = napi_build_skb(va, size);
		if (!skb)
			page_pool_free_va(q->pools.head, va, true);
	}
	if (!skb)
		return NULL;

	skb_mark_for_recycle(skb);
	skb_reserve(skb, ZCNIC_HEAD_ROOM);
	return skb;
}

/* Copies @wire from @off on into buffers of @pool and hangs them on @skb. */
static bool zcnic_fill(struct zcnic_queue *q, struct page_pool *pool, struct sk_buff *skb,
		       const struct sk_buff *wire, unsigned int off, bool no_dma)
{
	unsigned int max = PAGE_SIZE << pool->p.order;
	unsigned int i, len, buf_off, truesize;
	netmem_ref netmem;

	for (i = 0; off < wire->len; i++, off += len) {
		len = min(wire->len - off, max);
		truesize = len;
		if (i == MAX_SKB_FRAGS)
			return false;
		netmem = page_pool_dev_alloc_netmem(pool, &buf_off, &truesize);
		if (!netmem)
			return false;

		if (!no_dma) {
			zcnic_fetch(q->port, wire, off,
				    zcnic_dma_to_virt(q->port, netmem) + buf_off, len);
			page_pool_dma_sync_netmem_for_cpu(pool, netmem, buf_off, len);
		}
		skb_add_rx_frag_netmem(skb, i, netmem, buf_off, len, truesize);
	}
	return true;
}

static void zcnic_make_plan(struct zcnic_queue *q, const struct sk_buff *wire,
			    struct zcnic_plan *plan)
{
	const struct zcnic_port *port = q->port;
	const struct zcnic_faults *faults = &port->faults;
	unsigned int payload_off = ZCNIC_CB(wire)->payload_off;
	unsigned int extra;

	memset(plan, 0, sizeof(*plan));
	plan->split = payload_off && READ_ONCE(port->split) &&
		      wire->len - payload_off > READ_ONCE(port->hds_thresh) &&
		      !zcnic_fault_hits(&q->faults.unsplit, &faults->unsplit_every);
	plan->alone = READ_ONCE(port->split) && payload_off && !plan->split;
	if (!plan->split) {
		/* TCP payload in pages all the same: sockets can then merge it. */
		plan->linear = payload_off;
		if (!payload_off || wire->len <= ZCNIC_COPY_WHOLE)
			plan->linear = min(wire->len, ZCNIC_COPY_WHOLE);
		return;
	}

	extra = min(READ_ONCE(faults->linear_payload), wire->len - payload_off);
	plan->linear = payload_off + min(extra, PAGE_SIZE);
	plan->kmalloc_head = extra;
	plan->alone = extra;
	plan->no_dma = READ_ONCE(faults->no_dma);
}

static struct sk_buff *zcnic_build(struct zcnic_queue *q, const struct sk_buff *wire,
				   bool *alone)
{
	struct zcnic_plan plan;
	struct sk_buff *skb;

	if (zcnic_fault_hits(&q->faults.alloc_fail, &q->port->faults.alloc_fail_every))
		return NULL;

	zcnic_make_plan(q, wire, &plan);
	*alone = plan.alone;
	skb = zcnic_alloc_head(q, &plan);
	if (!skb)
		return NULL;

	zcnic_fetch(q->port, wire, 0, __skb_put(skb, plan.linear), plan.linear);
	if (!zcnic_fill(q, plan.split ? q->pools.data : q->pools.head, skb, wire, plan.linear,
			plan.no_dma)) {
		dev_kfree_skb_any(skb);
		return NULL;
	}
	return skb;
}

/* Checksum and segmentation state, as virtual NICs pass it on: nothing is computed twice. */
static void zcnic_offloads(struct zcnic_queue *q, struct sk_buff *skb, const struct sk_buff *wire)
{
	struct skb_shared_info *from = skb_shinfo(wire), *to = skb_shinfo(skb);

	if (wire->ip_summed == CHECKSUM_PARTIAL) {
		skb_partial_csum_set(skb, skb_checksum_start_offset(wire), wire->csum_offset);
		u64_stats_inc(&q->rx.csum_unnecessary);
	} else if (ZCNIC_CB(wire)->payload_off) {
		skb->ip_summed = CHECKSUM_UNNECESSARY;
		u64_stats_inc(&q->rx.csum_unnecessary);
	} else {
		u64_stats_inc(&q->rx.csum_none);
	}

	if (skb_is_gso(wire)) {
		to->gso_size = from->gso_size;
		to->gso_segs = from->gso_segs;
		to->gso_type = from->gso_type;
	}
}

/* GRO passes on at once, after those before it, what claims to be merged by somebody unknown. */
static void zcnic_keep_alone(struct sk_buff *skb)
{
	struct skb_shared_info *info = skb_shinfo(skb);

	if (!skb_is_gso(skb)) {
		info->gso_size = skb->len;
		info->gso_segs = 1;
		info->gso_type = skb->protocol == htons(ETH_P_IPV6) ? SKB_GSO_TCPV6 :
								      SKB_GSO_TCPV4;
	}
	info->gso_type |= SKB_GSO_DODGY;
}

static void zcnic_receive(struct zcnic_queue *q, const struct sk_buff *wire)
{
	struct net_device *dev = q->port->dev;
	bool drop, alone = false;
	struct sk_buff *skb;

	drop = zcnic_fault_hits(&q->faults.drop, &q->port->faults.drop_every);
	skb = drop ? NULL : zcnic_build(q, wire, &alone);

	u64_stats_update_begin(&q->rx.syncp);
	if (skb) {
		zcnic_offloads(q, skb, wire);
		u64_stats_inc(&q->rx.packets);
		u64_stats_add(&q->rx.bytes, skb->len);
	} else {
		u64_stats_inc(drop ? &q->rx.drops : &q->rx.alloc_fail);
	}
	u64_stats_update_end(&q->rx.syncp);
	if (!skb)
		return;

	if (dev->features & NETIF_F_RXHASH)
		skb_set_hash(skb, ZCNIC_CB(wire)->hash,
			     ZCNIC_CB(wire)->l4_hash ? PKT_HASH_TYPE_L4 : PKT_HASH_TYPE_L3);
	skb_record_rx_queue(skb, q - q->port->queues);
	skb->protocol = eth_type_trans(skb, dev);
	if (alone)
		zcnic_keep_alone(skb);
	napi_gro_receive(&q->napi, skb);
}

static void zcnic_irq_handler(void *queue)
{
	struct zcnic_queue *q = queue;

	__napi_schedule(&q->napi);
}

void zcnic_irq_init(struct zcnic_queue *q, unsigned int index)
{
	q->cpu = cpumask_local_spread(index, NUMA_NO_NODE);
	INIT_CSD(&q->irq, zcnic_irq_handler, q);
}

/**
 * zcnic_irq() - have the queue's NAPI look at the wire
 * @q: the queue; bottom halves are off
 *
 * A queue is bound to a CPU as a NIC's interrupt is. The stack counts on it: it hands a freed skb
 * back to the CPU that received it, where it waits, with its buffers, for the next receive there.
 */
void zcnic_irq(struct zcnic_queue *q)
{
	if (!napi_schedule_prep(&q->napi))
		return;
	if (q->cpu == smp_processor_id() || !cpu_online(q->cpu) ||
	    smp_call_function_single_async(q->cpu, &q->irq))
		__napi_schedule(&q->napi);
}

int zcnic_poll(struct napi_struct *napi, int budget)
{
	struct zcnic_queue *q = container_of(napi, struct zcnic_queue, napi);
	struct sk_buff *wire;
	int done = 0;

	while (done < budget) {
		wire = skb_dequeue(&q->wire);
		if (!wire)
			break;
		zcnic_receive(q, wire);
		dev_consume_skb_any(wire);
		done++;
	}
	if (done < budget)
		napi_complete_done(napi, done);
	return done;
}
