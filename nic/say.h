/* SPDX-License-Identifier: MIT */
/* Tells what is done to a NIC: zcrxd logs the lines, zcrxctl prints them. */
#ifndef ZCRX_NIC_SAY_H
#define ZCRX_NIC_SAY_H

#include <stdbool.h>

/* Takes a line to show. trouble: the line says that something went wrong. */
typedef void (*nic_say)(bool trouble, const char *line);

__attribute__((format(printf, 3, 4))) void nic_tell(nic_say say, bool trouble, const char *format,
						    ...);

#endif
