/* SPDX-License-Identifier: MIT */
/*
 * The id of a flow: an index in the low half and a generation in the high one. The generation is
 * never 0, so no id is 0, and an index that is used again makes another id.
 */
#ifndef ZCRX_PROTO_FLOW_ID_H
#define ZCRX_PROTO_FLOW_ID_H

#include <stdint.h>

#define FLOW_ID_INDEX_BITS 16u
#define FLOW_ID_INDICES    (1u << FLOW_ID_INDEX_BITS)

static inline uint32_t flow_id_make(uint16_t generation, uint32_t index)
{
	return (uint32_t)generation << FLOW_ID_INDEX_BITS | index;
}

static inline uint32_t flow_id_index(uint32_t id)
{
	return id % FLOW_ID_INDICES;
}

static inline uint16_t flow_id_generation(uint32_t id)
{
	return (uint16_t)(id >> FLOW_ID_INDEX_BITS);
}

#endif
