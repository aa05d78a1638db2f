/* SPDX-License-Identifier: MIT */
#include "daemon/hand/take.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <stdio.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/socket.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "base/fd.h"
#include "proto/wire.h"

#ifndef DMA_BUF_MAGIC
#define DMA_BUF_MAGIC 0x444d4142
#endif

enum hand_fault take_file(int *ret, int pidfd, int number, int *ret_error)
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

/* Only a ring has this name: the name of a file that has a path begins with a slash. */
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
	enum hand_fault fault = take_file(&fd, pidfd, number, ret_error);
	if (fault == HAND_DONE && !is_ring(fd)) {
		*ret_error = -EINVAL;
		return HAND_NOT_A_RING;
	}
	if (fault == HAND_DONE)
		*ret = fd;
	return fault;
}

static bool is_link(int fd)
{
	int domain = 0, type = 0;
	socklen_t bytes = sizeof(int);
	return getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &domain, &bytes) == 0 && domain == AF_UNIX &&
	       getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &bytes) == 0 && type == SOCK_SEQPACKET;
}

enum hand_fault take_link(int *ret, int pidfd, int number, int *ret_error)
{
	int fd = -1;
	enum hand_fault fault = take_file(&fd, pidfd, number, ret_error);
	if (fault == HAND_DONE && !is_link(fd)) {
		*ret_error = -EINVAL;
		return HAND_NOT_A_LINK;
	}
	if (fault == HAND_DONE)
		*ret = fd;
	return fault;
}

enum hand_fault take_given(int fds[MSG_FDS_MAX], uint32_t *ret_nfds, int *ret_error)
{
	union msg_any m;
	int n = wire_recv(HAND_GIVEN_FD, &m, fds, ret_nfds, 0);
	*ret_error = n < 0 ? n : -EBADF;
	return n > 0 && *ret_nfds > 0 ? HAND_DONE : HAND_NOT_GIVEN;
}

enum hand_fault check_memfd(int fd, uint64_t bytes, int *ret_error)
{
	struct stat st;
	*ret_error = -EINVAL;
	int seals =
		fcntl(fd, F_GET_SEALS); /* nothing but a memfd can be sealed against shrinking */
	if (seals < 0 || !(seals & F_SEAL_SHRINK) || fd_stat(fd, &st) < 0)
		return HAND_NOT_MEMORY;
	return st.st_size < 0 || (uint64_t)st.st_size < bytes ? HAND_TOO_SMALL : HAND_DONE;
}

enum hand_fault check_dmabuf(int fd, int *ret_error)
{
	struct statfs fs;
	*ret_error = -EINVAL;
	return fstatfs(fd, &fs) < 0 || fs.f_type != DMA_BUF_MAGIC ? HAND_NOT_MEMORY : HAND_DONE;
}
