/* SPDX-License-Identifier: MIT */
#include "daemon/hand/take.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <stdio.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "base/fd.h"

#ifndef DMA_BUF_MAGIC
#define DMA_BUF_MAGIC 0x444d4142
#endif

static enum hand_fault take(int *ret, int pidfd, int number, int *ret_error)
{
	int fd = pidfd_getfd(pidfd, number, 0);
	*ret_error = fd < 0 ? -errno : 0;
	if (fd >= 0) {
		*ret = fd;
		return HAND_DONE;
	}
	return errno == EPERM || errno == EACCES || errno == ENOSYS ? HAND_DENIED
								    : HAND_NO_DESCRIPTOR;
}

/* Only a ring is called so: what has a path begins with a slash. */
static bool is_ring(int fd)
{
	char path[32], name[64];
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	ssize_t n = readlink(path, name, sizeof(name) - 1);
	name[n < 0 ? 0 : n] = '\0';
	return strcmp(name, "anon_inode:[io_uring]") == 0;
}

enum hand_fault take_ring(int *ret, int pidfd, int number, int *ret_error)
{
	int fd = -1;
	enum hand_fault fault = take(&fd, pidfd, number, ret_error);
	if (fault == HAND_DONE && !is_ring(fd)) {
		*ret_error = -EINVAL;
		return HAND_NOT_A_RING;
	}
	if (fault == HAND_DONE)
		*ret = fd;
	return fault;
}

enum hand_fault take_memfd(int *ret, int pidfd, int number, uint64_t bytes, int *ret_error)
{
	int fd = -1;
	struct stat st;
	enum hand_fault fault = take(&fd, pidfd, number, ret_error);
	if (fault != HAND_DONE)
		return fault;
	*ret_error = -EINVAL;
	int seals = fcntl(fd, F_GET_SEALS); /* nothing but a memfd has any */
	if (seals < 0 || !(seals & F_SEAL_SHRINK) || fd_stat(fd, &st) < 0)
		return HAND_NOT_MEMORY;
	if (st.st_size < 0 || (uint64_t)st.st_size < bytes)
		return HAND_TOO_SMALL;
	*ret_error = 0;
	*ret = fd;
	return HAND_DONE;
}

enum hand_fault take_dmabuf(int *ret, int pidfd, int number, int *ret_error)
{
	int fd = -1;
	struct statfs fs;
	enum hand_fault fault = take(&fd, pidfd, number, ret_error);
	if (fault != HAND_DONE)
		return fault;
	*ret_error = -EINVAL;
	if (fstatfs(fd, &fs) < 0 || fs.f_type != DMA_BUF_MAGIC)
		return HAND_NOT_MEMORY;
	*ret_error = 0;
	*ret = fd;
	return HAND_DONE;
}
