/* SPDX-License-Identifier: MIT */
/* File descriptors; a negative number is no descriptor. */
#ifndef ZCRX_BASE_FD_H
#define ZCRX_BASE_FD_H

#include <sys/stat.h>
#include <sys/syscall.h>
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

/* Returns *fd, which the caller owns from then on, and sets *fd to -1. */
static inline int fd_steal(int *fd)
{
	int r = *fd;
	*fd = -1;
	return r;
}

/*
 * fstat(2). The C library's is, on Debian 12, a look-up of an empty path, which a list of system
 * calls cannot tell from other paths (daemon/pump/filter.c).
 */
static inline int fd_stat(int fd, struct stat *ret)
{
	return (int)syscall(SYS_fstat, fd, ret);
}

#endif
