/* SPDX-License-Identifier: MIT */
#include "daemon/common/memfd.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/memfd.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "proto/mapping.h"

int memfd_new(const char *name)
{
	int fd = memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING | MFD_NOEXEC_SEAL);
	return fd < 0 ? -errno : fd;
}

int memfd_map(int fd, size_t bytes, char **ret_map)
{
	void *map = NULL;
	int r = mapping_new(&map, fd, bytes, PROT_READ | PROT_WRITE, 0);
	if (r == 0)
		*ret_map = map;
	return r;
}

int memfd_fix(int fd, bool may_be_written)
{
	int seals = F_SEAL_SHRINK | F_SEAL_GROW | (may_be_written ? F_SEAL_SEAL : 0);
	if (!may_be_written && fchmod(fd, S_IRUSR) < 0)
		return -errno;
	return fcntl(fd, F_ADD_SEALS, seals) < 0 ? -errno : 0;
}

int memfd_seal(int fd)
{
	return fcntl(fd, F_ADD_SEALS, F_SEAL_FUTURE_WRITE | F_SEAL_SEAL) < 0 ? -errno : 0;
}

int memfd_readonly(int fd)
{
	char path[64];
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	int copy = open(path, O_RDONLY | O_CLOEXEC);
	return copy < 0 ? -errno : copy;
}
