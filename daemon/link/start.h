/* SPDX-License-Identifier: MIT */
/* The descriptors that zcrx-pump is started with, beside standard ones. */
#ifndef ZCRXD_LINK_START_H
#define ZCRXD_LINK_START_H

#define START_LINK   3
#define START_CLIENT 4

#endif
