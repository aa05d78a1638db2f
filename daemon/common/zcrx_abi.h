/* SPDX-License-Identifier: MIT */
/*
 * zcrx as the running kernel has it. It says so itself from Linux 6.19 on (IORING_REGISTER_QUERY);
 * before that there is what there was at its beginning.
 *
 * Events and statistics came with 7.2. They are declared here as in linux/io_uring/zcrx.h and
 * query.h, for liburing's own copies of those have them not, and exclude them.
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

#define ZCRX_EVENTS_STATS     1u /* stats_offset is one */
#define ZCRX_EVENT_NO_BUFFERS 0u /* ZCRX_EVENT_ALLOC_FAIL: the page pool found none */
#define ZCRX_OP_ARM_EVENT     2u /* ZCRX_CTRL_ARM_EVENT; its only word, the type, is 0 here */

struct zcrx_statistics {
	uint64_t copies;
	uint64_t copied_bytes;
};

#define ZCRX_STATISTICS_BYTES 64u /* room for them, aligned so */

static_assert(offsetof(struct io_uring_zcrx_ifq_reg, __resv) == 72,
	      "liburing knows event_desc now: use it, and its structures");

/* What there may be. */
struct zcrx_abi {
	bool large_buffers; /* rx_buf_len: more than a page each */
	bool flush;         /* the refill ring can be emptied on demand */
	bool events;        /* and statistics */
};

/* Asks the kernel. */
struct zcrx_abi zcrx_abi_query(void);

#endif
