/* SPDX-License-Identifier: MIT */
/* Ranges of addresses and ports, and whether an address is in a list of them. */
#ifndef ZCRXD_RANGE_H
#define ZCRXD_RANGE_H

#include <stdbool.h>
#include <stdint.h>

#include "proto/addr.h"

/* The first port that a class may use by default, and that the kernel chooses by itself. */
#define RANGE_PORT_LEAST 1024
#define RANGE_PORT_MAX   65535

struct range {
	uint8_t family; /* 4, 6, or 0 for both, with bits 0 */
	uint8_t bits;   /* how many bits of ip count */
	uint8_t ip[16];
	uint16_t port_first, port_last;
};

struct range_list {
	struct range *ranges;
	uint32_t n;
	bool given; /* the file has the list, which replaces the default */
};

bool range_list_has(const struct range_list *list, const struct msg_addr *address);

/* Does the list have the port with every address of the family? */
bool range_list_has_port(const struct range_list *list, uint32_t family, uint16_t port);

/* Does the list have every address of the family with every port? */
bool range_list_has_all(const struct range_list *list, uint32_t family);

#endif
