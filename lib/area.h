/* SPDX-License-Identifier: MIT */
/* Memory that payload lands in: its mapping here and its number at the daemon. */
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
	void *data; /* NULL: cannot be mapped */
	size_t bytes;
	int dmabuf; /* for zcrx_area_sync; -1: other memory */
	bool busy;  /* a queue receives into it */
};

/*
 * How long, in milliseconds, the daemon may need beyond the usual time for a request that concerns
 * all of the memory, which the kernel may have to pin: a GiB in 32 s, on a slow machine that is
 * busy.
 */
int area_ms(const struct zcrx_area *a);

/* Frees this side of the area, whatever it is used for. */
void area_release(struct zcrx_area *a);

#endif
