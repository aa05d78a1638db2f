/* SPDX-License-Identifier: MIT */
/* Descriptors that know they are closed: a negative number is none. */
#ifndef ZCRX_BASE_FD_H
#define ZCRX_BASE_FD_H

#include <unistd.h>

#include "base/cleanup.h"

/* Closes fd unless it is negative; returns -1. */
static inline int fd_close(int fd)
{
	if (fd >= 0)
		close(fd);
	return -1;
}

static inline void fd_closep(int *fd)
{
	*fd = fd_close(*fd);
}

/* Returns *fd, which the caller owns from then on, and leaves -1. */
static inline int fd_steal(int *fd)
{
	int r = *fd;
	*fd = -1;
	return r;
}

#endif
