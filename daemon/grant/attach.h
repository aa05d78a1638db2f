/* SPDX-License-Identifier: MIT */
/*
 * The part of a backend that takes CAP_NET_ADMIN: a leased queue is registered on a ring that is
 * not enabled yet (zcrx), or bound to a dma-buf (devmem).
 */
#ifndef ZCRXD_ATTACH_H
#define ZCRXD_ATTACH_H

#include <stdbool.h>
#include <stdint.h>

#define ATTACH_WHY_BYTES 240

struct lease;

struct attach_zcrx {
	const struct lease *lease;
	int ring;
	uint32_t rq_entries;
	uint32_t chunk_bytes; /* 0: the kernel's page */
	int refills;          /* the memfd, and where the refill ring lies in it */
	uint64_t refills_offset, refills_bytes;
	int area; /* a memfd, or a dma-buf */
	bool is_dmabuf;
	uint64_t area_bytes;
	bool events; /* the kernel is to tell when it finds no buffers, and to count */
	uint64_t event_data;
	uint64_t stats_offset;      /* in the refill ring */
	char why[ATTACH_WHY_BYTES]; /* of an error that is not the kernel's; or "" */
	/* What the kernel says. */
	uint32_t id, head, tail, rqes;
	uint64_t token;
};

/* Returns 0, or a negative errno and perhaps a->why. */
int attach_zcrx(struct attach_zcrx *a);

/*
 * As nic_bind(), of all of the lease's queues. The binding lives until the socket is closed, and
 * the number comes with every fragment.
 */
int attach_devmem(int *ret_sock, uint32_t *ret_id, const struct lease *l, int dmabuf,
		  char why[ATTACH_WHY_BYTES]);

#endif
