/* SPDX-License-Identifier: MIT */
#include "lib/rings.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>

#include "proto/mapping.h"

/*
 * Maps the first bytes of a file that cannot shrink. Files without seals are refused first: only
 * memory answers fstat and page faults without the daemon's help.
 */
static int map(void **ret, int fd, size_t bytes, int prot)
{
	struct stat st;
	int seals = fcntl(fd, F_GET_SEALS);
	if (seals < 0 || !(seals & F_SEAL_SHRINK))
		return -EPROTO;
	if (fstat(fd, &st) < 0)
		return -errno;
	if (bytes == 0 || st.st_size < 0 || bytes > (uint64_t)st.st_size)
		return -EPROTO;
	return mapping_new(ret, fd, bytes, prot, 0);
}

static bool lies_in(uint32_t map_bytes, uint32_t off, uint64_t bytes, uint32_t align)
{
	return off % align == 0 && off + bytes <= map_bytes;
}

static bool ring_lies_in(uint32_t map_bytes, uint32_t off, uint32_t entries, uint32_t stride)
{
	return entries > 0 && (entries & (entries - 1)) == 0 && stride >= sizeof(struct ring_rqe) &&
	       stride % 8 == 0 && lies_in(map_bytes, off, (uint64_t)entries * stride, 8);
}

static bool layout_fits(const struct msg_rings *l)
{
	return lies_in(l->cq_map_bytes, l->cq_tail, sizeof(uint32_t), sizeof(uint32_t)) &&
	       ring_lies_in(l->cq_map_bytes, l->cq_cqes, l->cq_entries, l->cqe_bytes) &&
	       lies_in(l->cq_map_bytes, l->daemon_page, sizeof(struct ring_daemon),
		       _Alignof(struct ring_daemon)) &&
	       lies_in(l->rq_map_bytes, l->client_page, sizeof(struct ring_client),
		       _Alignof(struct ring_client)) &&
	       lies_in(l->rq_map_bytes, l->rq_head, sizeof(uint32_t), sizeof(uint32_t)) &&
	       lies_in(l->rq_map_bytes, l->rq_tail, sizeof(uint32_t), sizeof(uint32_t)) &&
	       ring_lies_in(l->rq_map_bytes, l->rq_rqes, l->rq_entries, l->rqe_bytes) &&
	       (l->side_map_bytes == 0 ||
		(l->side_slot_bytes > 0 && l->side_slot_bytes <= l->side_map_bytes));
}

int rings_map(struct rings *ret, const struct msg_queue_open_reply *reply, int cq, int rq, int side)
{
	const struct msg_rings *l = &reply->rings;
	if (!layout_fits(l))
		return -EPROTO;
	struct rings r = {.cq_map_bytes = l->cq_map_bytes,
			  .rq_map_bytes = l->rq_map_bytes,
			  .side.bytes = l->side_map_bytes,
			  .side.slot_bytes = l->side_slot_bytes};
	int error = map(&r.cq_map, cq, r.cq_map_bytes, PROT_READ);
	if (!error)
		error = map(&r.rq_map, rq, r.rq_map_bytes, PROT_READ | PROT_WRITE);
	if (!error && l->side_map_bytes)
		error = map(&r.side.map, side, r.side.bytes, PROT_READ);
	if (error) {
		rings_unmap(&r);
		return error;
	}
	const char *cq_at = r.cq_map;
	char *rq_at = r.rq_map;
	r.daemon = (const void *)(cq_at + l->daemon_page);
	r.cq_tail = (const void *)(cq_at + l->cq_tail);
	r.cqes = cq_at + l->cq_cqes;
	r.cq_mask = l->cq_entries - 1;
	r.cqe_bytes = l->cqe_bytes;
	r.client = (void *)(rq_at + l->client_page);
	r.rq_head = (const void *)(rq_at + l->rq_head);
	r.rq_tail = (void *)(rq_at + l->rq_tail);
	r.rqes = rq_at + l->rq_rqes;
	r.rq_mask = l->rq_entries - 1;
	r.rqe_bytes = l->rqe_bytes;
	r.area_token = reply->area_token;
	*ret = r;
	return 0;
}

void rings_unmap(struct rings *r)
{
	if (r->cq_map)
		mapping_free(r->cq_map, r->cq_map_bytes);
	if (r->rq_map)
		mapping_free(r->rq_map, r->rq_map_bytes);
	if (r->side.map)
		mapping_free(r->side.map, r->side.bytes);
	*r = (struct rings){0};
}
