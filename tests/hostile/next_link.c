/* SPDX-License-Identifier: MIT */
/*
 * The link of the next release: each message, and each reply, has a field more at its end, and a
 * pump has one more request.
 */
#include "tests/hostile/next.h"

const uint32_t link_version = 3, link_oldest = 1;

uint32_t __real_link_bytes(uint16_t type);
uint32_t __wrap_link_bytes(uint16_t type);
uint32_t __real_link_reply_bytes(uint16_t type);
uint32_t __wrap_link_reply_bytes(uint16_t type);
int __real_link_check_reply(const union link_any *m, uint32_t len, uint32_t nfds, uint16_t type);
int __wrap_link_check_reply(const union link_any *m, uint32_t len, uint32_t nfds, uint16_t type);

uint32_t __wrap_link_bytes(uint16_t type)
{
	uint32_t now = type == NEXT_ASKED ? sizeof(struct msg_hdr) : __real_link_bytes(type);
	return now + NEXT_BYTES;
}

uint32_t __wrap_link_reply_bytes(uint16_t type)
{
	return __real_link_reply_bytes(type) + NEXT_BYTES;
}

int __wrap_link_check_reply(const union link_any *m, uint32_t len, uint32_t nfds, uint16_t type)
{
	return type == NEXT_ASKED ? 0 : __real_link_check_reply(m, len, nfds, type);
}
