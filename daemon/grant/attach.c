/* SPDX-License-Identifier: MIT */
/*
 * The area and the refill ring are mapped here only while they are registered: the kernel keeps
 * the pages, and whoever has the ring its own mapping.
 */
#include "daemon/grant/attach.h"

#include <errno.h>
#include <fcntl.h>
#include <liburing.h>
#include <sys/mman.h>
#include <time.h>

#include "daemon/common/zcrx_abi.h"
#include "daemon/grant/lease.h"
#include "nic/bind.h"
#include "proto/mapping.h"

/* A queue is let go asynchronously: the last one's may not be over yet. */
#define EEXIST_TRIES    40
#define EEXIST_PAUSE_NS 50000000

struct registration {
	struct io_uring_zcrx_ifq_reg ifq;
	struct io_uring_zcrx_area_reg area;
	struct io_uring_region_desc region;
	struct zcrx_events events;
};

static void fill(struct registration *r, const struct attach_zcrx *a, void *refills, void *area)
{
	const uint32_t *rxqs;
	uint32_t ifindex, n;
	lease_where(a->lease, &ifindex, &rxqs, &n);
	*r = (struct registration){
		.ifq = {.if_idx = ifindex,
			.if_rxq = rxqs[0],
			.rq_entries = a->rq_entries,
			.area_ptr = (uintptr_t)&r->area,
			.region_ptr = (uintptr_t)&r->region,
			.rx_buf_len = a->chunk_bytes,
			.__resv = {a->events ? (uintptr_t)&r->events : 0}},
		.area = {.len = a->area_bytes},
		.region = {.user_addr = (uintptr_t)refills,
			   .size = a->refills_bytes,
			   .flags = IORING_MEM_REGION_TYPE_USER},
		.events = {.user_data = a->event_data,
			   .types = 1u << ZCRX_EVENT_NO_BUFFERS,
			   .flags = ZCRX_EVENTS_STATS,
			   .stats_offset = a->stats_offset},
	};
	if (a->is_dmabuf) {
		r->area.flags = IORING_ZCRX_AREA_DMABUF;
		r->area.dmabuf_fd = (uint32_t)a->area;
	} else {
		r->area.addr = (uintptr_t)area;
	}
}

static int try(struct attach_zcrx *a, void *refills, void *area)
{
	struct registration r;
	fill(&r, a, refills, area);
	struct io_uring io = {.ring_fd = a->ring, .enter_ring_fd = a->ring};
	int e = io_uring_register_ifq(&io, &r.ifq);
	if (e < 0)
		return e;
	a->id = r.ifq.zcrx_id;
	a->token = r.area.rq_area_token;
	a->head = r.ifq.offsets.head;
	a->tail = r.ifq.offsets.tail;
	a->rqes = r.ifq.offsets.rqes;
	return 0;
}

int attach_zcrx(struct attach_zcrx *a)
{
	void *refills = NULL, *area = NULL;
	uint64_t mapped = a->refills_offset + a->refills_bytes;
	int tries = 0;
	int r = mapping_new(&refills, a->refills, mapped, PROT_READ | PROT_WRITE, 0);
	if (r == 0 && !a->is_dmabuf)
		r = mapping_new(&area, a->area, a->area_bytes, PROT_READ | PROT_WRITE,
				MAP_NORESERVE);
	if (r == 0)
		while ((r = try(a, (char *)refills + a->refills_offset, area)) == -EEXIST &&
		       tries++ < EEXIST_TRIES)
			nanosleep(&(struct timespec){.tv_nsec = EEXIST_PAUSE_NS}, NULL);
	if (area)
		mapping_free(area, a->area_bytes);
	if (refills)
		mapping_free(refills, mapped);
	return r;
}

int attach_devmem(int *ret_sock, uint32_t *ret_id, const struct lease *l, int dmabuf)
{
	const uint32_t *rxqs;
	uint32_t ifindex, n;
	struct nic_binding *b;
	lease_where(l, &ifindex, &rxqs, &n);
	int r = nic_bind(&b, ifindex, rxqs, n, dmabuf);
	if (r < 0)
		return r;
	int sock = fcntl(nic_binding_fd(b), F_DUPFD_CLOEXEC, 0);
	r = sock < 0 ? -errno : 0;
	if (r == 0) {
		*ret_sock = sock;
		*ret_id = nic_binding_id(b);
	}
	nic_unbind(b); /* that is, closes this descriptor of its socket */
	return r;
}
