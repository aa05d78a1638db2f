/* SPDX-License-Identifier: MIT */
#include "daemon/backend/rings.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/size.h"
#include "daemon/backend/area.h"
#include "daemon/common/memfd.h"
#include "daemon/grant/files.h"
#include "proto/mapping.h"

/* A client knows the kernel's completions by the names of the protocol. */
static_assert(RING_CQE_BUFFER == IORING_CQE_F_BUFFER &&
		      RING_CQE_BUFFER_SHIFT == IORING_CQE_BUFFER_SHIFT &&
		      RING_CQE_OFFSET < 1ull << IORING_ZCRX_AREA_SHIFT &&
		      sizeof(struct io_uring_cqe) == RING_CQE_FORMAT_1_BYTES &&
		      offsetof(struct ring_cqe, off) == RING_CQE_FORMAT_1_BYTES &&
		      sizeof(struct ring_cqe) ==
			      sizeof(struct io_uring_cqe) + sizeof(struct io_uring_zcrx_cqe),
	      "io_uring's completions");

static size_t page_bytes(void)
{
	return (size_t)sysconf(_SC_PAGESIZE);
}

/* The refill ring begins a page behind the client page, laid out as the kernel lays out its own. */
#define RQ_HEAD_OFFSET    0u
#define RQ_TAIL_OFFSET    4u
#define RQ_ENTRIES_OFFSET 64u

static size_t rq_bytes(uint32_t entries)
{
	size_t ring = RQ_ENTRIES_OFFSET + (size_t)entries * sizeof(struct ring_rqe) +
		      RINGS_REFILL_EXTRA_BYTES;
	return page_bytes() + round_up(ring, page_bytes());
}

/*
 * Where the kernel writes the completions it says where the parts of its CQ lie. Where the pump
 * writes them the offsets are the pump's own.
 */
static int cq_ring(struct rings *r, struct uring *ring, const struct rings_wish *wish)
{
	uint32_t entries = wish->cq_entries;
	struct io_uring_params p = {.cq_entries = entries,
				    .cq_off = {.head = 0, .tail = 64, .cqes = 128}};
	int e = wish->kernel_writes ? uring_init_shared(ring, r->cq_fd, r->cq,
							wish->cqe_bytes == 32, wish->patient, &p)
				    : uring_init_private(ring, entries, true, wish->patient);
	if (e < 0)
		return e;
	r->cq_head = (uint32_t *)(void *)(r->cq + p.cq_off.head);
	r->cq_tail = (uint32_t *)(void *)(r->cq + p.cq_off.tail);
	r->layout.cq_tail = p.cq_off.tail;
	r->layout.cq_cqes = p.cq_off.cqes;
	r->layout.cq_entries = p.cq_entries;
	r->layout.cqe_bytes = wish->cqe_bytes;
	return 0;
}

static int cq_init(struct rings *r, struct uring *ring, struct user *user,
		   const struct rings_wish *wish)
{
	size_t ring_bytes = uring_cq_bytes(wish->cq_entries, wish->cqe_bytes);
	r->cq_bytes = ring_bytes + page_bytes();
	int fd = files_new(user, FILE_CQ, r->cq_bytes, &r->cq_readonly, wish->why);
	if (fd < 0)
		return fd;
	r->cq_fd = fd;
	int e = memfd_map(fd, r->cq_bytes, &r->cq);
	if (e == 0)
		e = cq_ring(r, ring, wish);
	if (e == 0)
		e = memfd_seal(fd);
	r->daemon = (struct ring_daemon *)(void *)(r->cq + ring_bytes);
	if (e == 0)
		r->daemon->futex = 1;
	r->layout.cq_map_bytes = (uint32_t)r->cq_bytes;
	r->layout.daemon_page = (uint32_t)ring_bytes;
	return e;
}

uint32_t rings_complete_room(const struct rings *r)
{
	return r->layout.cq_entries - (r->cq_next - *r->cq_head);
}

void rings_complete(struct rings *r, const struct ring_cqe *cqe)
{
	struct ring_cqe *at = (struct ring_cqe *)(void *)(r->cq + r->layout.cq_cqes);
	at[r->cq_next++ & (r->layout.cq_entries - 1)] = *cqe;
}

void rings_complete_show(struct rings *r)
{
	ring_store((uint32_t *)(void *)(r->cq + r->layout.cq_tail), r->cq_next);
}

void rings_refill_region(const struct rings *r, uint64_t *ret_offset, uint64_t *ret_bytes)
{
	*ret_offset = page_bytes();
	*ret_bytes = r->rq_bytes - page_bytes();
}

void rings_place_refills(struct rings *r, uint32_t head, uint32_t tail, uint32_t rqes)
{
	uint32_t page = (uint32_t)page_bytes();
	r->rq_shown = (uint32_t *)(void *)(r->rq + page + head);
	r->rq_tail = (uint32_t *)(void *)(r->rq + page + tail);
	r->rqes = (struct ring_rqe *)(void *)(r->rq + page + rqes);
	r->layout.rq_head = page + head;
	r->layout.rq_tail = page + tail;
	r->layout.rq_rqes = page + rqes;
}

static int rq_init(struct rings *r, struct user *user, const struct rings_wish *wish)
{
	uint32_t entries = wish->rq_entries;
	r->rq_bytes = rq_bytes(entries);
	int readonly, fd = files_new(user, FILE_RQ, r->rq_bytes, &readonly, wish->why);
	if (fd < 0)
		return fd;
	fd_close(readonly);
	r->rq_fd = fd;
	int e = memfd_map(fd, r->rq_bytes, &r->rq);
	if (e < 0)
		return e;
	r->client = (struct ring_client *)(void *)r->rq;
	r->rq_mask = entries - 1;
	rings_place_refills(r, RQ_HEAD_OFFSET, RQ_TAIL_OFFSET, RQ_ENTRIES_OFFSET);
	r->layout.rq_map_bytes = (uint32_t)r->rq_bytes;
	r->layout.client_page = 0;
	r->layout.rq_entries = entries;
	r->layout.rqe_bytes = sizeof(struct ring_rqe);
	return area_forbid(fd);
}

int rings_init(struct rings *r, struct uring *ring, struct user *user,
	       const struct rings_wish *wish)
{
	*r = RINGS_NULL;
	*ring = URING_NULL;
	int e = rq_init(r, user, wish);
	if (e == 0)
		e = cq_init(r, ring, user, wish);
	if (e < 0) {
		uring_done(ring);
		rings_done(r);
	}
	return e;
}

int rings_cq_readonly(struct rings *r)
{
	return fd_steal(&r->cq_readonly);
}

int rings_rq_duplicate(const struct rings *r)
{
	int fd = fcntl(r->rq_fd, F_DUPFD_CLOEXEC, 0);
	return fd < 0 ? -errno : fd;
}

void rings_done(struct rings *r)
{
	if (r->rq) {
		area_allow(r->rq_fd);
		mapping_free(r->rq, r->rq_bytes);
	}
	if (r->cq)
		mapping_free(r->cq, r->cq_bytes);
	r->cq_fd = fd_close(r->cq_fd);
	r->rq_fd = fd_close(r->rq_fd);
	r->cq_readonly = fd_close(r->cq_readonly);
	r->cq = r->rq = NULL;
}

bool rings_refill_pending(const struct rings *r)
{
	return ring_load(r->rq_tail) != r->rq_head;
}

void rings_refill_show(struct rings *r)
{
	ring_store(r->rq_shown, r->rq_head);
}

uint32_t rings_refill_head(const struct rings *r)
{
	return ring_load(r->rq_shown);
}

uint32_t rings_refill_untaken(const struct rings *r)
{
	return ring_load(r->rq_tail) - rings_refill_head(r);
}

uint32_t rings_refill_note(struct rings *r)
{
	uint32_t tail = ring_load(r->rq_tail), more = tail - r->rq_head;
	r->rq_head = tail;
	return more;
}

bool rings_refill_next(struct rings *r, struct ring_rqe *ret, uint32_t *ret_skipped)
{
	uint32_t waiting = ring_load(r->rq_tail) - r->rq_head;
	if (waiting == 0)
		return false;
	if (waiting > r->rq_mask + 1) {
		r->rq_head += waiting;
		*ret_skipped += 1;
		return false;
	}
	const volatile struct ring_rqe *entry = &r->rqes[r->rq_head++ & r->rq_mask];
	*ret = (struct ring_rqe){.off = entry->off, .len = entry->len, .pad = entry->pad};
	return true;
}
