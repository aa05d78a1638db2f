/* SPDX-License-Identifier: MIT */
#include "daemon/grant/udmabuf.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/udmabuf.h>
#include <sys/ioctl.h>

#include "base/fd.h"

int udmabuf_new(int memfd, uint64_t bytes)
{
	struct udmabuf_create create = {
		.memfd = (uint32_t)memfd,
		.flags = UDMABUF_FLAGS_CLOEXEC,
		.size = bytes,
	};
	int device = open("/dev/udmabuf", O_RDWR | O_CLOEXEC);
	if (device < 0)
		return -errno;
	int fd = ioctl(device, UDMABUF_CREATE, &create);
	int r = fd < 0 ? -errno : fd;
	fd_close(device);
	return r;
}
