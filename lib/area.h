/* SPDX-License-Identifier: MIT */
/* An area: memory that payload lands in, its mapping in this process and its id at the daemon. */
#ifndef ZCRX_LIB_AREA_H
#define ZCRX_LIB_AREA_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/queue.h>

struct zcrx;

struct zcrx_area {
	struct zcrx *z;
	TAILQ_ENTRY(zcrx_area) link; /* in z->areas */
	uint32_t id;
	void *data; /* NULL: the memory cannot be mapped */
	size_t bytes;
	int dmabuf; /* for zcrx_area_sync(); -1: the area is no dma-buf */
	bool busy;  /* a queue receives into it */
};

/*
 * How many milliseconds more than usual the daemon may need for a request that concerns all of the
 * area. The kernel may have to pin its memory: 32 s for a GiB, on a slow and busy machine.
 */
int area_ms(const struct zcrx_area *a);

/* Frees the library's side of the area, even while a queue uses it. */
void area_release(struct zcrx_area *a);

#endif
