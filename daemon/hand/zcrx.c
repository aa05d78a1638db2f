/* SPDX-License-Identifier: MIT */
/*
 * A receive queue on a pump's ring. The area and the refill ring are mapped here only for that: the
 * kernel keeps the pages, and the pump has mappings of its own.
 */
#include <errno.h>
#include <liburing.h>
#include <sys/mman.h>
#include <time.h>

#include "daemon/common/zcrx_abi.h"
#include "daemon/hand/take.h"
#include "daemon/hand/work.h"
#include "proto/mapping.h"

/* The kernel lets go of a hardware queue asynchronously: the last ring may have it still. */
#define EEXIST_TRIES    40
#define EEXIST_PAUSE_NS 50000000

struct registration {
	struct io_uring_zcrx_ifq_reg ifq;
	struct io_uring_zcrx_area_reg area;
	struct io_uring_region_desc region;
	struct zcrx_events events;
};

struct memory {
	void *refills, *area;
	int dmabuf;
};

static void fill(struct registration *r, const struct hand_zcrx *z, const struct memory *m)
{
	*r = (struct registration){
		.ifq = {.if_idx = z->ifindex,
			.if_rxq = z->rxq,
			.rq_entries = z->rq_entries,
			.area_ptr = (uintptr_t)&r->area,
			.region_ptr = (uintptr_t)&r->region,
			.rx_buf_len = z->chunk_bytes,
			.__resv = {z->events ? (uintptr_t)&r->events : 0}},
		.area = {.len = z->area_bytes},
		.region = {.user_addr = (uintptr_t)m->refills + z->refills_offset,
			   .size = z->refills_bytes,
			   .flags = IORING_MEM_REGION_TYPE_USER},
		.events = {.user_data = z->event_data,
			   .types = 1u << ZCRX_EVENT_NO_BUFFERS,
			   .flags = ZCRX_EVENTS_STATS,
			   .stats_offset = z->stats_offset},
	};
	if (z->is_dmabuf) {
		r->area.flags = IORING_ZCRX_AREA_DMABUF;
		r->area.dmabuf_fd = (uint32_t)m->dmabuf;
	} else {
		r->area.addr = (uintptr_t)m->area;
	}
}

static int register_queue(int ring, const struct hand_zcrx *z, const struct memory *m,
			  struct registration *r)
{
	struct io_uring io = {.ring_fd = ring, .enter_ring_fd = ring};
	int e, tries = 0;
	do {
		fill(r, z, m);
		e = io_uring_register_ifq(&io, &r->ifq);
	} while (e == -EEXIST && tries++ < EEXIST_TRIES &&
		 nanosleep(&(struct timespec){.tv_nsec = EEXIST_PAUSE_NS}, NULL) == 0);
	return e;
}

static int memory_map(struct memory *ret, int refills, int area, const struct hand_zcrx *z)
{
	int r = mapping_new(&ret->refills, refills, z->refills_offset + z->refills_bytes,
			    PROT_READ | PROT_WRITE, 0);
	if (r == 0 && z->is_dmabuf)
		ret->dmabuf = area;
	else if (r == 0)
		r = work_map(&ret->area, area, z->area_bytes);
	return r;
}

/* Gets and checks the two memories and the ring. */
static enum hand_fault take(int *ret_ring, int memory[MSG_FDS_MAX], const struct hand_zcrx *z,
			    int *ret_error)
{
	uint64_t refills_end;
	uint32_t n;
	*ret_error = -EINVAL;
	if (__builtin_add_overflow(z->refills_offset, z->refills_bytes, &refills_end))
		return HAND_TOO_SMALL;
	enum hand_fault fault = take_given(memory, &n, ret_error);
	if (fault == HAND_DONE && n != 2)
		return HAND_NOT_GIVEN;
	if (fault == HAND_DONE)
		fault = check_memfd(memory[0], refills_end, ret_error);
	if (fault == HAND_DONE)
		fault = z->is_dmabuf ? check_dmabuf(memory[1], ret_error)
				     : check_memfd(memory[1], z->area_bytes, ret_error);
	return fault == HAND_DONE ? take_ring(ret_ring, HAND_PUMP_FD, z->ring, ret_error) : fault;
}

int work_zcrx(const struct hand_zcrx *z, struct hand_reply *reply)
{
	int ring, given[MSG_FDS_MAX];
	struct memory memory = {0};
	struct registration r;
	reply->fault = take(&ring, given, z, &reply->error);
	if (reply->fault == HAND_DONE)
		work_show(reply, given, z->is_dmabuf ? 1 : 2);
	if (reply->fault != HAND_DONE)
		return -1;
	int e = memory_map(&memory, given[0], given[1], z);
	if (e == 0)
		e = register_queue(ring, z, &memory, &r);
	work_over(reply, e);
	if (e == 0) {
		reply->zcrx.id = r.ifq.zcrx_id;
		reply->zcrx.token = r.area.rq_area_token;
		reply->zcrx.head = r.ifq.offsets.head;
		reply->zcrx.tail = r.ifq.offsets.tail;
		reply->zcrx.rqes = r.ifq.offsets.rqes;
	}
	return -1;
}
