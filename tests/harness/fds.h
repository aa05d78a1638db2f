/* SPDX-License-Identifier: MIT */
/* Descriptors of this process: sent without the checks of proto/wire.h, and counted. */
#ifndef TESTS_HARNESS_FDS_H
#define TESTS_HARNESS_FDS_H

#include <stddef.h>

enum {
	FDS_MAX = 253 /* of a datagram: the kernel's limit */
};

/* Sends one datagram. flags: of sendmsg(2), beside MSG_NOSIGNAL. Returns 0 or a negative errno. */
int fds_send(int sock, const void *data, size_t bytes, const int *fds, size_t nfds, int flags);

/* How many are open. */
int fds_open(void);

#endif
