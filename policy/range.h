/* SPDX-License-Identifier: MIT */
/* Ranges of addresses and ports, and whether one is in a list of them. */
#ifndef ZCRXD_RANGE_H
#define ZCRXD_RANGE_H

#include <stdbool.h>
#include <stdint.h>

#include "proto/addr.h"

#define RANGE_PORT_LEAST 1024 /* unless the file says otherwise; the kernel picks from here on */
#define RANGE_PORT_MOST  65535

struct range {
	uint8_t family; /* 4, 6, or 0 for both: then bits is 0 */
	uint8_t bits;   /* of ip that count */
	uint8_t ip[16];
	uint16_t port_first, port_last;
};

struct range_list {
	struct range *ranges;
	uint32_t n;
	bool given; /* by the file: it replaces the default */
};

bool range_list_has(const struct range_list *list, const struct msg_addr *address);

/* The port with every address of a family. */
bool range_list_has_port(const struct range_list *list, uint32_t family, uint16_t port);

/* Every address of a family, with every port. */
bool range_list_has_all(const struct range_list *list, uint32_t family);

#endif
