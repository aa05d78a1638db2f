/* SPDX-License-Identifier: MIT */
/* Ordinary memory as a dma-buf: the kernel pins the pages of a sealed memfd. */
#include <errno.h>
#include <fcntl.h>
#include <linux/udmabuf.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "lib/mem/error.h"
#include "lib/mem/zcrx-mem.h"

static int memfd_new(size_t bytes)
{
	int fd = memfd_create("zcrx-mem", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	if (fd < 0)
		return mem_refuse(-errno, "No memfd can be made: %m.");
	if (ftruncate(fd, (off_t)bytes) < 0 || fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK) < 0) {
		int error = mem_refuse(-errno, "No memfd of %zu bytes can be made: %m.", bytes);
		close(fd);
		return error;
	}
	return fd;
}

static int export(int device, int memfd, size_t bytes)
{
	struct udmabuf_create create = {
		.memfd = (uint32_t)memfd,
		.flags = UDMABUF_FLAGS_CLOEXEC,
		.size = bytes,
	};
	int fd = ioctl(device, UDMABUF_CREATE, &create);
	if (fd >= 0)
		return fd;
	if (errno == EINVAL)
		return mem_refuse(-EINVAL,
				  "The kernel makes no udmabuf of %zu bytes; the most is what "
				  "/sys/module/udmabuf/parameters/size_limit_mb says.",
				  bytes);
	return mem_refuse(-errno, "The kernel makes no udmabuf of %zu bytes: %m.", bytes);
}

int zcrx_mem_udmabuf(size_t bytes)
{
	int r = mem_pages(&bytes, bytes);
	if (r < 0)
		return r;
	int device =
		mem_device("/dev/udmabuf", "modprobe udmabuf, if the kernel has CONFIG_UDMABUF");
	if (device < 0)
		return device;
	int memfd = memfd_new(bytes);
	r = memfd < 0 ? memfd : export(device, memfd, bytes);
	if (memfd >= 0)
		close(memfd);
	close(device);
	return r;
}
