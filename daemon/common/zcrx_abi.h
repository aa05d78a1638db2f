/* SPDX-License-Identifier: MIT */
/*
 * What the running kernel's zcrx can do. From Linux 6.19 on the kernel tells
 * (IORING_REGISTER_QUERY); an older one can do what zcrx could at its beginning.
 *
 * Events and statistics came with Linux 7.2. They are declared here as in linux/io_uring/zcrx.h and
 * query.h, since liburing has older copies of these headers, which cannot be included beside them.
 */
#ifndef ZCRXD_ZCRX_ABI_H
#define ZCRXD_ZCRX_ABI_H

#include <assert.h>
#include <liburing.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* struct zcrx_event_desc, which struct io_uring_zcrx_ifq_reg points to */
struct zcrx_events {
	uint64_t user_data; /* of the completions that tell of an event */
	uint32_t types;     /* one bit each */
	uint32_t flags;
	uint64_t stats_offset; /* from the beginning of the refill ring's memory */
	uint64_t reserved[9];
};

#define ZCRX_EVENTS_STATS     1u /* stats_offset is set */
#define ZCRX_EVENT_NO_BUFFERS 0u /* ZCRX_EVENT_ALLOC_FAIL: the page pool found none */
#define ZCRX_OP_ARM_EVENT     2u /* ZCRX_CTRL_ARM_EVENT; its argument, the type, is 0 */

struct zcrx_statistics {
	uint64_t copies;
	uint64_t copied_bytes;
};

#define ZCRX_STATISTICS_BYTES 64u /* room for struct zcrx_statistics, and its alignment */

static_assert(offsetof(struct io_uring_zcrx_ifq_reg, __resv) == 72,
	      "liburing knows event_desc now: use it, and its structures");

struct zcrx_abi {
	bool large_buffers; /* buffers can be larger than a page: rx_buf_len */
	bool flush;         /* the kernel empties the refill ring on demand */
	bool events;        /* the kernel tells of events, and keeps statistics */
};

/* Asks the kernel. */
struct zcrx_abi zcrx_abi_query(void);

#endif
