/* SPDX-License-Identifier: MIT */
/* The descriptors that zcrx-pump is started with, beside standard ones. */
#ifndef ZCRXD_LINK_START_H
#define ZCRXD_LINK_START_H

#define START_LINK   3
#define START_CLIENT 4
#define START_REPORT 5 /* daemon/common/report.h */

/*
 * One end of a socket pair of the pump's. The pump waits at the other end for a broker that comes
 * later. That one makes a link and starts a hand, which takes this end (pidfd_getfd) and sends by
 * it one message, a header with the descriptor of the pump's end of the link. The broker itself has
 * none of both ends: whoever has the same socket as a pump can be made to wait.
 */
#define START_NEXT 6

#endif
