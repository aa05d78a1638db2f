/* SPDX-License-Identifier: MIT */
/* The attributes of a netlink message. Nothing is read outside of the message, whatever it says. */
#ifndef ZCRX_NIC_ATTRS_H
#define ZCRX_NIC_ATTRS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A run of attributes inside a received message; dies with the callback it was given to. */
struct attrs {
	const void *data;
	int len;
};

/* Steps through the attributes. Returns false at the end. */
bool attrs_next(struct attrs *attrs, int *ret_type, struct attrs *ret_payload);
/* Finds the first attribute of a type. Returns false if there is none. */
bool attrs_find(struct attrs attrs, int type, struct attrs *ret_payload);

/* The payload as a number of whatever width it has; 0 for a missing attribute. */
uint64_t attrs_u64(struct attrs attrs, int type);
uint32_t attrs_u32(struct attrs attrs, int type);
/* Copies a string; empty for a missing attribute. */
void attrs_string(struct attrs attrs, int type, char *buf, size_t size);

#endif
