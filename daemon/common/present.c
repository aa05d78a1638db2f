/* SPDX-License-Identifier: MIT */
#include "daemon/common/present.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/userfaultfd.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/fd.h"

#ifndef UFFD_USER_MODE_ONLY /* older headers */
#define UFFD_USER_MODE_ONLY 1
#endif

/* It stays open for as long as the process lives: its mappings are what they were without it. */
static int faults = -1;

/* A kernel without it, a container's list of system calls, a security module. */
static int refused(int error)
{
	return error == ENOSYS || error == EPERM || error == EACCES || error == EINVAL ? -EOPNOTSUPP
										       : -error;
}

int present_init(void)
{
	struct uffdio_api api = {.api = UFFD_API, .features = UFFD_FEATURE_SIGBUS};
	_cleanup_(fd_closep) int fd =
		(int)syscall(SYS_userfaultfd, O_CLOEXEC | O_NONBLOCK | UFFD_USER_MODE_ONLY);
	if (fd < 0 || ioctl(fd, UFFDIO_API, &api) < 0)
		return refused(errno);
	faults = fd_steal(&fd);
	return 0;
}

bool present_is(void)
{
	return faults >= 0;
}

int present_only(void *at, uint64_t bytes)
{
	struct uffdio_register all = {.range = {.start = (uintptr_t)at, .len = bytes},
				      .mode = UFFDIO_REGISTER_MODE_MISSING};
	return faults >= 0 && ioctl(faults, UFFDIO_REGISTER, &all) < 0 ? -errno : 0;
}
