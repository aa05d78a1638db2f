/* SPDX-License-Identifier: MIT */
/* io_uring zero-copy receive: completions say where in the area the payload is. */
#include <errno.h>
#include <liburing.h>
#include <poll.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>

#include "tests/kernel/memory.h"
#include "tests/kernel/stream.h"

#define RING_ENTRIES   512
#define REFILL_ENTRIES 8192

static struct io_uring ring;
static struct io_uring_zcrx_rq refill;
static uint64_t area_token;

void zcrx_register(const struct target *t)
{
	struct io_uring_params params = {
		.flags = IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN |
			 IORING_SETUP_CQE32 | IORING_SETUP_CQSIZE,
		.cq_entries = 8 * RING_ENTRIES,
	};
	size_t page = 4096, bytes = page + REFILL_ENTRIES * sizeof(struct io_uring_zcrx_rqe);
	char *region =
		mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (region == MAP_FAILED)
		die("mmap: %m");
	struct io_uring_region_desc region_desc = {
		.user_addr = (uintptr_t)region,
		.size = bytes,
		.flags = IORING_MEM_REGION_TYPE_USER,
	};
	struct io_uring_zcrx_area_reg area = {.len = t->memory->bytes};
	if (t->memory->fd >= 0) {
		area.flags = IORING_ZCRX_AREA_DMABUF;
		area.dmabuf_fd = (__u32)t->memory->fd;
	} else {
		area.addr = (uintptr_t)t->memory->at;
	}
	struct io_uring_zcrx_ifq_reg reg = {
		.if_idx = t->ifindex,
		.if_rxq = t->queue,
		.rq_entries = REFILL_ENTRIES,
		.area_ptr = (uintptr_t)&area,
		.region_ptr = (uintptr_t)&region_desc,
	};

	int r = io_uring_queue_init_params(RING_ENTRIES, &ring, &params);
	if (r < 0)
		die("io_uring: %s", strerror(-r));
	r = io_uring_register_ifq(&ring, &reg);
	if (r < 0)
		die("io_uring_register_ifq: %s", strerror(-r));
	refill = (struct io_uring_zcrx_rq){
		.khead = (void *)(region + reg.offsets.head),
		.ktail = (void *)(region + reg.offsets.tail),
		.rqes = (void *)(region + reg.offsets.rqes),
		.ring_entries = reg.rq_entries,
	};
	area_token = area.rq_area_token;
}

static void give_back(uint64_t off, uint32_t bytes)
{
	uint32_t head = io_uring_smp_load_acquire(refill.khead);
	if (refill.rq_tail - head == refill.ring_entries)
		die("the refill ring is full");
	refill.rqes[refill.rq_tail & (refill.ring_entries - 1)] = (struct io_uring_zcrx_rqe){
		.off = (off & ~IORING_ZCRX_AREA_MASK) | area_token,
		.len = bytes,
	};
	io_uring_smp_store_release(refill.ktail, ++refill.rq_tail);
}

static void arm(int sock)
{
	struct io_uring_sqe *sqe = io_uring_get_sqe(&ring);
	if (!sqe)
		die("no room for a request");
	io_uring_prep_rw(IORING_OP_RECV_ZC, sqe, sock, NULL, 0, 0);
	sqe->ioprio |= IORING_RECV_MULTISHOT;
}

/* Returns false at the end of the stream. */
static bool take_completion(const struct target *t, int sock, const struct io_uring_cqe *cqe,
			    struct stream *s)
{
	bool more = cqe->flags & IORING_CQE_F_MORE;

	if (cqe->res == 0 && !more)
		return false;
	if (cqe->res < 0 && cqe->res != -ENOSPC)
		die("RECV_ZC: %s at byte %ju", strerror(-cqe->res), (uintmax_t)s->pos);
	if (cqe->res > 0) {
		const struct io_uring_zcrx_cqe *where = (const void *)(cqe + 1);
		uint64_t off = where->off & ~IORING_ZCRX_AREA_MASK;
		if (off > t->memory->bytes || (uint64_t)cqe->res > t->memory->bytes - off)
			die("a completion outside the area");
		stream_take(s, (const char *)t->memory->at + off, (size_t)cqe->res);
		give_back(where->off, (uint32_t)cqe->res);
	}
	if (!more)
		arm(sock);
	return true;
}

/*
 * The kernel may leave the receive asleep although the stream has more, or has ended: see the
 * daemon's nudge.h.
 */
static void nudge(int sock)
{
	struct pollfd end = {.fd = sock, .events = POLLRDHUP};
	int least = 1;
	if (setsockopt(sock, SOL_SOCKET, SO_RCVLOWAT, &least, sizeof(least)) < 0)
		die("SO_RCVLOWAT: %m");
	if (poll(&end, 1, 0) == 1)
		shutdown(sock, SHUT_RD);
}

void zcrx_receive(const struct target *t, int sock, struct stream *s)
{
	struct __kernel_timespec a_second = {.tv_sec = 1};
	bool going = true;

	arm(sock);
	while (going) {
		struct io_uring_cqe *cqe;
		unsigned head, n = 0;
		int r = io_uring_submit_and_wait_timeout(&ring, &cqe, 1, &a_second, NULL);
		if (r == -ETIME)
			nudge(sock);
		else if (r < 0 && r != -EINTR)
			die("io_uring_enter: %s", strerror(-r));
		memory_begin(t->memory);
		io_uring_for_each_cqe(&ring, head, cqe)
		{
			going = going && take_completion(t, sock, cqe, s);
			n++;
		}
		memory_end(t->memory);
		io_uring_cq_advance(&ring, n);
	}
}
