/* SPDX-License-Identifier: MIT */
#include "policy/range.h"

#include <string.h>

static bool same_bits(const uint8_t *a, const uint8_t *b, uint32_t bits)
{
	uint32_t whole = bits / 8, rest = bits % 8;
	return memcmp(a, b, whole) == 0 && (!rest || (a[whole] ^ b[whole]) >> (8 - rest) == 0);
}

/* Is the port in the range? Port 0 means any port that the kernel chooses from. */
static bool port_has(const struct range *r, uint16_t port)
{
	if (port == 0)
		return r->port_first <= RANGE_PORT_LEAST && r->port_last == RANGE_PORT_MAX;
	return r->port_first <= port && port <= r->port_last;
}

static bool range_has(const struct range *r, const struct msg_addr *a)
{
	return (!r->family || r->family == a->family) && port_has(r, a->port) &&
	       same_bits(r->ip, a->ip, r->bits);
}

bool range_list_has(const struct range_list *list, const struct msg_addr *address)
{
	struct msg_addr a = addr_unmapped(address);
	bool has = false;
	for (uint32_t i = 0; i < list->n && !has; i++)
		has = range_has(&list->ranges[i], &a);
	return has;
}

static bool is_whole(const struct range *r, uint32_t family)
{
	return r->bits == 0 && (!r->family || r->family == family);
}

bool range_list_has_port(const struct range_list *list, uint32_t family, uint16_t port)
{
	bool has = false;
	for (uint32_t i = 0; i < list->n && !has; i++)
		has = is_whole(&list->ranges[i], family) && port_has(&list->ranges[i], port);
	return has;
}

bool range_list_has_all(const struct range_list *list, uint32_t family)
{
	bool has = false;
	for (uint32_t i = 0; i < list->n && !has; i++)
		has = is_whole(&list->ranges[i], family) && list->ranges[i].port_first <= 1 &&
		      list->ranges[i].port_last == RANGE_PORT_MAX;
	return has;
}
