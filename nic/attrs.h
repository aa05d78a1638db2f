/* SPDX-License-Identifier: MIT */
/* The attributes of a netlink message. Nothing is read outside of the message, whatever it says. */
#ifndef ZCRX_NIC_ATTRS_H
#define ZCRX_NIC_ATTRS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * A run of attributes inside a received message. It is valid until the callback that got it
 * returns.
 */
struct attrs {
	const void *data;
	int len;
};

/* Takes the next attribute. Returns false at the end. */
bool attrs_next(struct attrs *attrs, int *ret_type, struct attrs *ret_payload);
/* Finds the first attribute of a type. Returns false if there is none. */
bool attrs_find(struct attrs attrs, int type, struct attrs *ret_payload);

/* The payload as a number, whatever its width is; 0 if the attribute is missing. */
uint64_t attrs_u64(struct attrs attrs, int type);
uint32_t attrs_u32(struct attrs attrs, int type);
/* Copies the payload as a string, which is empty if the attribute is missing. */
void attrs_string(struct attrs attrs, int type, char *buf, size_t size);

#endif
