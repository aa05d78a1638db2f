/* SPDX-License-Identifier: MIT */
/*
 * The best one can do alone with a NIC and privilege: zero-copy receive on a hardware queue of
 * one's own, everything in this process. Needs CAP_NET_ADMIN, and packets steered to the queue.
 */
#include "bench/bench.h"

#include <errno.h>
#include <liburing.h>
#include <net/if.h>
#include <stdint.h>
#include <sys/mman.h>

enum {
	CQ_ENTRIES = 1024,
	RQ_ENTRIES = 32768
};

struct receiver {
	struct bench bench;
	struct io_uring ring;
	struct io_uring_zcrx_rq refills;
	uint8_t *area;
	uint64_t area_token;
	uint32_t ifq;
	unsigned open; /* flows */
};

static void *memory(size_t bytes)
{
	void *at = mmap(NULL, bytes, PROT_READ | PROT_WRITE,
			MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);

	if (at == MAP_FAILED)
		bench_die("mmap", -errno);
	return at;
}

static void setup(struct receiver *x)
{
	size_t refill_bytes = RQ_ENTRIES * sizeof(struct io_uring_zcrx_rqe) + 4096;
	struct io_uring_params p = {
		.flags = IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN |
			 IORING_SETUP_CQSIZE | IORING_SETUP_CQE32 | IORING_SETUP_SUBMIT_ALL,
		.cq_entries = CQ_ENTRIES,
	};
	struct io_uring_zcrx_area_reg area = {.len = x->bench.area_bytes};
	struct io_uring_region_desc region = {.size = refill_bytes,
					      .flags = IORING_MEM_REGION_TYPE_USER};
	struct io_uring_zcrx_ifq_reg ifq = {
		.if_idx = if_nametoindex(x->bench.nic),
		.if_rxq = x->bench.rxq,
		.rq_entries = RQ_ENTRIES,
		.area_ptr = (uintptr_t)&area,
		.region_ptr = (uintptr_t)&region,
	};
	int r = io_uring_queue_init_params(64, &x->ring, &p);

	if (r < 0)
		bench_die("io_uring_queue_init_params", r);
	r = io_uring_register_ring_fd(&x->ring);
	if (r < 0)
		bench_die("io_uring_register_ring_fd", r);
	x->area = memory(x->bench.area_bytes);
	area.addr = (uintptr_t)x->area;
	region.user_addr = (uintptr_t)memory(refill_bytes);
	r = io_uring_register_ifq(&x->ring, &ifq);
	if (r < 0)
		bench_die("io_uring_register_ifq", r);
	x->ifq = ifq.zcrx_id;
	x->area_token = area.rq_area_token;
	x->refills.khead = (void *)(uintptr_t)(region.user_addr + ifq.offsets.head);
	x->refills.ktail = (void *)(uintptr_t)(region.user_addr + ifq.offsets.tail);
	x->refills.rqes = (void *)(uintptr_t)(region.user_addr + ifq.offsets.rqes);
	x->refills.ring_entries = ifq.rq_entries;
}

static void arm(struct receiver *x, int sock)
{
	struct io_uring_sqe *sqe = io_uring_get_sqe(&x->ring);

	while (!sqe) {
		io_uring_submit(&x->ring);
		sqe = io_uring_get_sqe(&x->ring);
	}
	io_uring_prep_rw(IORING_OP_RECV_ZC, sqe, sock, NULL, 0, 0);
	sqe->ioprio |= IORING_RECV_MULTISHOT;
	sqe->zcrx_ifq_idx = x->ifq;
	sqe->user_data = (uint64_t)sock;
}

static void give_back(struct receiver *x, uint64_t off, uint32_t len)
{
	unsigned mask = x->refills.ring_entries - 1;

	x->refills.rqes[x->refills.rq_tail++ & mask] =
		(struct io_uring_zcrx_rqe){.off = off | x->area_token, .len = len};
}

static void handle(struct receiver *x, const struct io_uring_cqe *cqe)
{
	const struct io_uring_zcrx_cqe *where = (const void *)(cqe + 1);
	uint64_t off = where->off & ~IORING_ZCRX_AREA_MASK;
	int sock = (int)cqe->user_data;

	if (cqe->res > 0) {
		bench_take(&x->bench, sock, x->area + off, (size_t)cqe->res);
		give_back(x, off, (uint32_t)cqe->res);
		x->bench.completions++;
	} else if (cqe->res == 0) {
		x->open--;
	} else if (cqe->res != -ENOSPC && cqe->res != -ENOMEM) {
		bench_die("recv", cqe->res);
	}
	if (!(cqe->flags & IORING_CQE_F_MORE) && cqe->res != 0)
		arm(x, sock);
}

static void receive(struct receiver *x)
{
	while (x->open > 0) {
		struct io_uring_cqe *cqe;
		unsigned head, seen = 0;
		int r = io_uring_submit_and_wait(&x->ring, 1);

		if (r == -EINTR)
			bench_nudge(&x->bench);
		else if (r < 0)
			bench_die("io_uring_submit_and_wait", r);
		x->bench.enters++;
		io_uring_for_each_cqe(&x->ring, head, cqe)
		{
			handle(x, cqe);
			seen++;
		}
		io_uring_smp_store_release(x->refills.ktail, x->refills.rq_tail);
		io_uring_cq_advance(&x->ring, seen);
	}
}

int main(int argc, char **argv)
{
	struct receiver x = {0};
	int listener;

	bench_options(&x.bench, argc, argv);
	setup(&x);
	listener = bench_listen(x.bench.flows);
	bench_begin(&x.bench, listener);
	bench_accept_all(&x.bench, listener);
	for (; x.open < x.bench.flows; x.open++)
		arm(&x, x.bench.socks[x.open]);
	receive(&x);
	bench_end(&x.bench, "");
	io_uring_queue_exit(&x.ring);
	return 0;
}
