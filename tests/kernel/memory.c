/* SPDX-License-Identifier: MIT */
#include <fcntl.h>
#include <linux/dma-buf.h>
#include <linux/dma-heap.h>
#include <linux/udmabuf.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>
#include <xf86drm.h>

#include "tests/kernel/die.h"
#include "tests/kernel/memory.h"

#define CARDS 16

static int device_open(const char *path)
{
	int fd = open(path, O_RDWR | O_CLOEXEC);
	if (fd < 0)
		skip("%s: %m", path);
	return fd;
}

static int udmabuf_new(size_t bytes)
{
	int dev = device_open("/dev/udmabuf");
	int memfd = memfd_create("area", MFD_ALLOW_SEALING | MFD_CLOEXEC);
	if (memfd < 0 || ftruncate(memfd, (off_t)bytes) < 0 ||
	    fcntl(memfd, F_ADD_SEALS, F_SEAL_SHRINK) < 0)
		die("memfd: %m");
	struct udmabuf_create create = {
		.memfd = (__u32)memfd,
		.flags = UDMABUF_FLAGS_CLOEXEC,
		.size = bytes,
	};
	int fd = ioctl(dev, UDMABUF_CREATE, &create);
	if (fd < 0)
		die("UDMABUF_CREATE: %m");
	close(memfd);
	close(dev);
	return fd;
}

static int heap_new(size_t bytes)
{
	int dev = device_open("/dev/dma_heap/system");
	struct dma_heap_allocation_data data = {.len = bytes, .fd_flags = O_RDWR | O_CLOEXEC};
	if (ioctl(dev, DMA_HEAP_IOCTL_ALLOC, &data) < 0)
		die("DMA_HEAP_IOCTL_ALLOC: %m");
	close(dev);
	return (int)data.fd;
}

/* The card whose driver is vgem: memory without a display or a GPU behind it. */
static int vgem_open(void)
{
	for (int i = 0; i < CARDS; i++) {
		char path[32];
		snprintf(path, sizeof(path), "/dev/dri/card%d", i);
		int fd = open(path, O_RDWR | O_CLOEXEC);
		drmVersion *version = fd < 0 ? NULL : drmGetVersion(fd);
		bool is_vgem = version && strcmp(version->name, "vgem") == 0;
		drmFreeVersion(version);
		if (is_vgem)
			return fd;
		if (fd >= 0)
			close(fd);
	}
	skip("no /dev/dri/card* of the driver vgem");
}

static int vgem_new(size_t bytes)
{
	int card = vgem_open();
	struct drm_mode_create_dumb create = {.width = 1024,
					      .height = (__u32)(bytes / 4096),
					      .bpp = 32};
	if (drmIoctl(card, DRM_IOCTL_MODE_CREATE_DUMB, &create) < 0)
		die("DRM_IOCTL_MODE_CREATE_DUMB: %m");
	if (create.size != bytes)
		die("vgem made a buffer of %llu bytes, not %zu", create.size, bytes);
	int fd = -1;
	if (drmPrimeHandleToFD(card, create.handle, DRM_CLOEXEC | DRM_RDWR, &fd) < 0)
		die("drmPrimeHandleToFD: %m");
	close(card);
	return fd;
}

void memory_init(struct memory *m, const char *kind, size_t bytes)
{
	static const struct {
		const char *name;
		int (*make)(size_t bytes);
	} kinds[] = {{"udmabuf", udmabuf_new}, {"system", heap_new}, {"vgem", vgem_new}};

	*m = (struct memory){.fd = -1, .bytes = bytes};
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
		if (strcmp(kind, kinds[i].name) == 0)
			m->fd = kinds[i].make(bytes);
	if (m->fd < 0 && strcmp(kind, "plain") != 0)
		die("no such kind of memory: %s", kind);
	m->at = m->fd < 0 ? mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
				 -1, 0)
			  : mmap(NULL, bytes, PROT_READ, MAP_SHARED, m->fd, 0);
	if (m->at == MAP_FAILED)
		die("mmap of %s: %m", kind);
}

void memory_done(struct memory *m)
{
	munmap(m->at, m->bytes);
	if (m->fd >= 0)
		close(m->fd);
	*m = (struct memory){.fd = -1};
}

static void memory_sync(const struct memory *m, __u64 flags)
{
	struct dma_buf_sync sync = {.flags = flags | DMA_BUF_SYNC_READ};
	if (m->fd >= 0 && ioctl(m->fd, DMA_BUF_IOCTL_SYNC, &sync) < 0)
		die("DMA_BUF_IOCTL_SYNC: %m");
}

void memory_begin(const struct memory *m)
{
	memory_sync(m, DMA_BUF_SYNC_START);
}

void memory_end(const struct memory *m)
{
	memory_sync(m, DMA_BUF_SYNC_END);
}
