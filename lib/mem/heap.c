/* SPDX-License-Identifier: MIT */
/* The kernel's dma-buf heaps: memory that devices need, by the heap's name. */
#include <errno.h>
#include <fcntl.h>
#include <linux/dma-heap.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "lib/mem/error.h"
#include "lib/mem/zcrx-mem.h"

int zcrx_mem_heap(const char *name, size_t bytes)
{
	char path[64];
	int r = mem_pages(&bytes, bytes);
	if (r < 0)
		return r;
	if (snprintf(path, sizeof(path), "/dev/dma_heap/%s", name) >= (int)sizeof(path))
		return mem_refuse(-EINVAL, "There is no heap of so long a name: %s.", name);
	int device = mem_device(path, "ls /dev/dma_heap shows the heaps this kernel has; system is "
				      "CONFIG_DMABUF_HEAPS_SYSTEM");
	if (device < 0)
		return device;
	struct dma_heap_allocation_data data = {.len = bytes, .fd_flags = O_RDWR | O_CLOEXEC};
	if (ioctl(device, DMA_HEAP_IOCTL_ALLOC, &data) < 0)
		r = mem_refuse(-errno, "%s gives no %zu bytes: %m.", path, bytes);
	else
		r = (int)data.fd;
	close(device);
	return r;
}
