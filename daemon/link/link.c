/* SPDX-License-Identifier: MIT */
#include "daemon/link/link.h"

#include <errno.h>
#include <stddef.h>

#include "base/size.h"

enum {
	QUICK,
	SLOW
};

struct rule {
	uint32_t request_bytes, reply_bytes;
	uint16_t type;
	uint8_t fds_least, fds_most, fds_back;
	uint8_t who;
	bool slow;
	uint16_t cost;
};

static const struct rule rules[] = {
#define X(name, handler, number, request, reply, least, most, back, who, pace, cost) \
	{sizeof(struct request),                                                     \
	 sizeof(struct reply),                                                       \
	 number,                                                                     \
	 least,                                                                      \
	 most,                                                                       \
	 back,                                                                       \
	 LINK_##who,                                                                 \
	 (pace) == SLOW,                                                             \
	 cost},
	LINK_TABLE(X)
#undef X
};

static const struct rule *rule_find(uint16_t type)
{
	for (size_t i = 0; i < ARRAY_LENGTH(rules); i++)
		if (rules[i].type == type)
			return &rules[i];
	return NULL;
}

/* A struct of an older release may be shorter than ours (m is zero behind it), a newer one longer.
 */
static bool fits(const union link_any *m, uint32_t len, uint32_t nfds)
{
	return len >= sizeof(m->hdr) && len <= sizeof(*m) && len % 8 == 0 && m->hdr.size == len &&
	       m->hdr.nfds == nfds;
}

int link_check(const union link_any *m, uint32_t len, uint32_t nfds, bool from_pump)
{
	if (!fits(m, len, nfds) || m->hdr.error)
		return -EBADMSG;
	const struct rule *rule = rule_find(m->hdr.type);
	if (!rule)
		return -EOPNOTSUPP;
	if (from_pump == (rule->who == LINK_BROKER_TELLS) ||
	    (rule->who == LINK_PUMP_ASKS) != (m->hdr.serial != 0))
		return -EBADMSG;
	bool as_many = from_pump ? nfds == 0 : nfds >= rule->fds_least && nfds <= rule->fds_most;
	return as_many ? 0 : -EBADMSG;
}

int link_check_reply(const union link_any *m, uint32_t len, uint32_t nfds, uint16_t type)
{
	const struct rule *rule = rule_find(type);
	if (!rule || !fits(m, len, nfds) || m->hdr.type != type || m->hdr.error > 0 ||
	    nfds != (m->hdr.error ? 0 : rule->fds_back))
		return -EBADMSG;
	return 0;
}

#define ZEROED_BYTES (64u << 10) /* are made and given back in 10 us */
#define PINNED_BYTES (1u << 20)  /* are pinned and let go of in 10 us */

static uint64_t memory_cost(const union link_any *m)
{
	switch (m->hdr.type) {
	case LINK_MEMORY:
		return m->as_MEMORY.bytes / ZEROED_BYTES;
	case LINK_UDMABUF:
		return m->as_UDMABUF.bytes / PINNED_BYTES;
	case LINK_ZCRX:
		return m->as_ZCRX.dmabuf ? 0 : m->as_ZCRX.area_bytes / PINNED_BYTES;
	default:
		return 0;
	}
}

uint32_t link_cost(const union link_any *m)
{
	const struct rule *rule = rule_find(m->hdr.type);
	uint64_t cost = (rule && rule->cost ? rule->cost : 1) + memory_cost(m);
	return cost < LINK_COST_MAX ? (uint32_t)cost : LINK_COST_MAX;
}

bool link_is_asked(uint16_t type)
{
	const struct rule *rule = rule_find(type);
	return rule && rule->who == LINK_PUMP_ASKS;
}

bool link_is_slow(uint16_t type)
{
	const struct rule *rule = rule_find(type);
	return rule && rule->slow;
}

uint32_t link_bytes(uint16_t type)
{
	const struct rule *rule = rule_find(type);
	return rule ? rule->request_bytes : 0;
}

uint32_t link_given(uint16_t type)
{
	const struct rule *rule = rule_find(type);
	return rule && rule->who != LINK_BROKER_TELLS ? rule->fds_most : 0;
}

uint32_t link_reply_bytes(uint16_t type)
{
	const struct rule *rule = rule_find(type);
	return rule ? rule->reply_bytes : 0;
}
