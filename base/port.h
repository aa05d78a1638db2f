/* SPDX-License-Identifier: MIT */
/* TCP ports on the command line. */
#ifndef ZCRX_BASE_PORT_H
#define ZCRX_BASE_PORT_H

#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>

/* Parses "5001". Returns false for anything else than digits, and for a number above 65535. */
static inline bool port_parse(const char *text, uint16_t *ret)
{
	char *end;
	errno = 0;
	unsigned long port = strtoul(text, &end, 10);
	if (errno || *text < '0' || *text > '9' || *end || port > UINT16_MAX)
		return false;
	*ret = (uint16_t)port;
	return true;
}

#endif
