/* SPDX-License-Identifier: MIT */
/*
 * The best one can do alone: an io_uring of one's own, multishot receives into a ring of provided
 * buffers, task work deferred to the one thread that waits, all buffers of a batch given back with
 * one store.
 */
#include "bench/bench.h"

#include <errno.h>
#include <liburing.h>
#include <stdint.h>
#include <sys/mman.h>

enum {
	BUFFER_GROUP = 1,
	CQ_ENTRIES = 4096
};

struct receiver {
	struct bench bench;
	struct io_uring ring;
	struct io_uring_buf_ring *buffers;
	uint8_t *area;
	unsigned nr_buffers; /* a power of two */
	unsigned open;       /* flows */
};

static void give_back(struct receiver *x, unsigned id, unsigned nth)
{
	io_uring_buf_ring_add(x->buffers, x->area + id * x->bench.buffer_bytes,
			      (unsigned)x->bench.buffer_bytes, (unsigned short)id,
			      io_uring_buf_ring_mask(x->nr_buffers), (int)nth);
}

static void setup(struct receiver *x)
{
	struct io_uring_params p = {
		.flags = IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN |
			 IORING_SETUP_CQSIZE | IORING_SETUP_NO_SQARRAY | IORING_SETUP_SUBMIT_ALL,
		.cq_entries = CQ_ENTRIES,
	};
	int r;

	x->nr_buffers = 1;
	while (x->nr_buffers < 32768 &&
	       x->nr_buffers * x->bench.buffer_bytes * 2 <= x->bench.area_bytes)
		x->nr_buffers *= 2;
	x->area = mmap(NULL, x->bench.area_bytes, PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
	if (x->area == MAP_FAILED)
		bench_die("mmap", -errno);
	r = io_uring_queue_init_params(64, &x->ring, &p);
	if (r < 0)
		bench_die("io_uring_queue_init_params", r);
	r = io_uring_register_ring_fd(&x->ring);
	if (r < 0)
		bench_die("io_uring_register_ring_fd", r);
	x->buffers = io_uring_setup_buf_ring(&x->ring, x->nr_buffers, BUFFER_GROUP, 0, &r);
	if (!x->buffers)
		bench_die("io_uring_setup_buf_ring", r);
	for (unsigned id = 0; id < x->nr_buffers; id++)
		give_back(x, id, id);
	io_uring_buf_ring_advance(x->buffers, (int)x->nr_buffers);
}

static void arm(struct receiver *x, int sock)
{
	struct io_uring_sqe *sqe = io_uring_get_sqe(&x->ring);

	while (!sqe) {
		io_uring_submit(&x->ring);
		sqe = io_uring_get_sqe(&x->ring);
	}
	io_uring_prep_recv_multishot(sqe, sock, NULL, 0, 0);
	sqe->flags |= IOSQE_BUFFER_SELECT;
	sqe->buf_group = BUFFER_GROUP;
	sqe->user_data = (uint64_t)sock;
}

/* Returns the number of buffers it put into the buffer ring, for the kernel to see later. */
static unsigned handle(struct receiver *x, const struct io_uring_cqe *cqe, unsigned nth)
{
	int sock = (int)cqe->user_data;

	if (cqe->res > 0) {
		unsigned id = cqe->flags >> IORING_CQE_BUFFER_SHIFT;

		bench_take(&x->bench, sock, x->area + id * x->bench.buffer_bytes, (size_t)cqe->res);
		give_back(x, id, nth);
		x->bench.completions++;
	} else if (cqe->res == 0) {
		x->open--;
	} else if (cqe->res != -ENOBUFS) {
		bench_die("recv", cqe->res);
	}
	if (!(cqe->flags & IORING_CQE_F_MORE) && cqe->res != 0)
		arm(x, sock);
	return cqe->res > 0;
}

static void receive(struct receiver *x)
{
	while (x->open > 0) {
		struct io_uring_cqe *cqe;
		unsigned head, seen = 0, given = 0;
		int r = io_uring_submit_and_wait(&x->ring, 1);

		if (r == -EINTR)
			bench_nudge(&x->bench);
		else if (r < 0)
			bench_die("io_uring_submit_and_wait", r);
		x->bench.enters++;
		io_uring_for_each_cqe(&x->ring, head, cqe)
		{
			given += handle(x, cqe, given);
			seen++;
		}
		io_uring_buf_ring_advance(x->buffers, (int)given);
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
