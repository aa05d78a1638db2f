/* SPDX-License-Identifier: MIT */
#include "proto/msg.h"

#include <errno.h>
#include <stdbool.h>
#include <stddef.h>

#include "proto/reason.h"

struct body {
	uint16_t bytes;
	uint8_t fds_min, fds_max;
};

struct rule {
	const char *name;
	uint16_t type;
	enum msg_state state;
	struct body message, reply; /* an event has no reply */
};

static const struct rule rules[] = {
#define X(name, number, request, least, most, reply, reply_least, reply_most, state) \
	{#name,                                                                      \
	 number,                                                                     \
	 MSG_STATE_##state,                                                          \
	 {sizeof(struct request), least, most},                                      \
	 {sizeof(struct reply), reply_least, reply_most}},
	MSG_REQUESTS(X)
#undef X
#define X(name, number, event, least, most) \
	{#name, number, MSG_STATE_EVENT, {sizeof(struct event), least, most}, {0, 0, 0}},
		MSG_EVENTS(X)
#undef X
};

static const struct rule *rule_find(uint16_t type)
{
	for (size_t i = 0; i < sizeof(rules) / sizeof(rules[0]); i++)
		if (rules[i].type == type)
			return &rules[i];
	return NULL;
}

static bool header_fits(const union msg_any *m, uint32_t len, uint32_t nfds)
{
	return len >= sizeof(m->hdr) && len <= MSG_BYTES_MAX && len % 8 == 0 &&
	       m->hdr.size == len && m->hdr.nfds == nfds;
}

/* A body has at least the bytes that we know of it. The bytes behind them must be zero. */
static uint32_t body_check(const union msg_any *m, uint32_t len, uint32_t nfds,
			   const struct body *known)
{
	if (nfds < known->fds_min || nfds > known->fds_max || len < known->bytes)
		return REASON_MALFORMED;
	for (uint32_t i = known->bytes / 8u; i < len / 8; i++)
		if (m->words[i])
			return REASON_UNKNOWN_FIELD;
	return REASON_NONE;
}

int msg_check(const union msg_any *m, uint32_t len, uint32_t nfds, enum msg_state state,
	      uint32_t *ret_reason)
{
	bool event = state == MSG_STATE_EVENT;
	uint32_t reason = REASON_MALFORMED;
	if (!header_fits(m, len, nfds) || m->hdr.error || event != (m->hdr.serial == 0))
		goto refuse;
	const struct rule *rule = rule_find(m->hdr.type);
	reason = REASON_UNKNOWN_REQUEST;
	if (!rule || event != (rule->state == MSG_STATE_EVENT))
		goto refuse;
	reason = REASON_STATE;
	if (!(rule->state & state))
		goto refuse;
	reason = body_check(m, len, nfds, &rule->message);
	if (reason)
		goto refuse;
	return 0;
refuse:
	*ret_reason = reason;
	return reason_error(reason);
}

int msg_check_reply(const union msg_any *m, uint32_t len, uint32_t nfds, uint16_t type,
		    uint32_t serial)
{
	static const struct body refusal = {sizeof(struct msg_fail), 0, 0};
	const struct rule *rule = rule_find(type);
	if (!rule || rule->state == MSG_STATE_EVENT || !header_fits(m, len, nfds) ||
	    m->hdr.type != type || m->hdr.serial != serial || m->hdr.error > 0)
		return -EBADMSG;
	return reason_error(body_check(m, len, nfds, m->hdr.error ? &refusal : &rule->reply));
}

uint32_t msg_reply_bytes(uint16_t type)
{
	const struct rule *rule = rule_find(type);
	return rule && rule->state != MSG_STATE_EVENT ? rule->reply.bytes : sizeof(struct msg_ok);
}

const char *msg_name(uint16_t type)
{
	const struct rule *rule = rule_find(type);
	return rule ? rule->name : "?";
}
