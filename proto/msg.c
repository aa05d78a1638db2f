/* SPDX-License-Identifier: MIT */
#include "proto/msg.h"

#include <errno.h>
#include <stdbool.h>
#include <stddef.h>

#include "proto/reason.h"

enum {
	NEW = MSG_STATE_NEW,
	READY = MSG_STATE_READY,
	EVENT = MSG_STATE_EVENT
};

struct rule {
	const char *name;
	uint16_t type;
	uint16_t request_bytes, reply_bytes;
	uint8_t fds_min, fds_max;
	uint8_t state;
};

static const struct rule rules[] = {
#define X(name, number, request, reply, fds_min, fds_max, state) \
	{#name, number, sizeof(struct request), sizeof(struct reply), fds_min, fds_max, state},
	MSG_TABLE(X)
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

/* Version 1's size is the least; what lies beyond the size we know must be zero. */
static uint32_t body_check(const union msg_any *m, uint32_t len, uint32_t known)
{
	if (len < known)
		return REASON_MALFORMED;
	for (uint32_t i = known / 8; i < len / 8; i++)
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
	if (!rule || event != (rule->state == EVENT))
		goto refuse;
	reason = REASON_STATE;
	if (!(rule->state & state))
		goto refuse;
	reason = REASON_MALFORMED;
	if (nfds < rule->fds_min || nfds > rule->fds_max)
		goto refuse;
	reason = body_check(m, len, rule->request_bytes);
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
	const struct rule *rule = rule_find(type);
	if (!rule || !header_fits(m, len, nfds) || m->hdr.type != type || m->hdr.serial != serial)
		return -EBADMSG;
	if (m->hdr.error > 0 || (m->hdr.error < 0 && nfds > 0))
		return -EBADMSG;
	uint32_t known = m->hdr.error ? sizeof(struct msg_fail) : rule->reply_bytes;
	uint32_t reason = body_check(m, len, known);
	return reason_error(reason);
}

const char *msg_name(uint16_t type)
{
	const struct rule *rule = rule_find(type);
	return rule ? rule->name : "?";
}
