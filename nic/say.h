/* SPDX-License-Identifier: MIT */
/* To whom it is told what is done to a NIC: the daemon logs it, zcrxctl prints it. */
#ifndef ZCRX_NIC_SAY_H
#define ZCRX_NIC_SAY_H

#include <stdbool.h>

/* Gets a line to be shown; trouble: something went wrong. */
typedef void (*nic_say)(bool trouble, const char *line);

__attribute__((format(printf, 3, 4))) void nic_tell(nic_say say, bool trouble, const char *format,
						    ...);

#endif
