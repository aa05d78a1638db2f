/* SPDX-License-Identifier: MIT */
#include "daemon/common/zcrx_abi.h"

#define FEATURE_EVENT (1u << 1) /* ZCRX_FEATURE_EVENT */
#define QUERY_EVENT   3u        /* IO_URING_QUERY_ZCRX_EVENT */

/* struct io_uring_query_zcrx_event */
struct query_event {
	uint32_t types;
	uint32_t stats_bytes;
	uint32_t stats_align;
	uint32_t reserved[9];
};

static bool query(uint32_t what, void *ret, uint32_t bytes)
{
	struct io_uring_query_hdr header = {.query_op = what,
					    .query_data = (uintptr_t)ret,
					    .size = bytes};
	return io_uring_register_query(&header) == 0 && header.result == 0;
}

struct zcrx_abi zcrx_abi_query(void)
{
	struct zcrx_abi abi = {0};
	struct io_uring_query_zcrx zcrx = {0};
	struct query_event event = {0};
	if (!query(IO_URING_QUERY_ZCRX, &zcrx, sizeof(zcrx)))
		return abi;
	abi.large_buffers = zcrx.features & ZCRX_FEATURE_RX_PAGE_SIZE;
	abi.flush = zcrx.nr_ctrl_opcodes > ZCRX_CTRL_FLUSH_RQ;
	abi.events = zcrx.features & FEATURE_EVENT && query(QUERY_EVENT, &event, sizeof(event)) &&
		     event.types & 1u << ZCRX_EVENT_NO_BUFFERS &&
		     event.stats_bytes >= sizeof(struct zcrx_statistics) &&
		     event.stats_bytes <= ZCRX_STATISTICS_BYTES &&
		     event.stats_align <= ZCRX_STATISTICS_BYTES;
	return abi;
}
