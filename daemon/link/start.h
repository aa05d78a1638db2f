/* SPDX-License-Identifier: MIT */
/* The descriptors that zcrx-pump is started with, beside standard ones. */
#ifndef ZCRXD_LINK_START_H
#define ZCRXD_LINK_START_H

#define START_LINK   3
#define START_CLIENT 4
#define START_REPORT 5 /* daemon/common/report.h */

/*
 * Another end of a link, which nobody else has: a broker that comes later takes it from the pump
 * (pidfd_getfd). The pump puts it there.
 */
#define START_NEXT 6

#endif
