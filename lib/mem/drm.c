/* SPDX-License-Identifier: MIT */
/*
 * Buffer objects of graphics devices. A dumb buffer is the one kind that every driver with a card
 * node makes; it is an image, so its length is its height in lines of a page of 4096 bytes.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <unistd.h>
#include <xf86drm.h>

#include "lib/mem/error.h"
#include "lib/mem/zcrx-mem.h"

enum {
	LINE_PIXELS = 1024,
	LINE_BYTES = 4096
};

int zcrx_mem_gem(int drm, uint32_t handle)
{
	int fd;
	if (drmPrimeHandleToFD(drm, handle, DRM_CLOEXEC | DRM_RDWR, &fd) == 0)
		return fd;
	return mem_refuse(-errno,
			  "No dma-buf of the buffer object %u can be had from the driver: %m.",
			  handle);
}

static int dumb_new(int card, size_t bytes)
{
	struct drm_mode_create_dumb create = {
		.width = LINE_PIXELS,
		.height = (uint32_t)(bytes / LINE_BYTES),
		.bpp = 8 * LINE_BYTES / LINE_PIXELS,
	};
	if (drmIoctl(card, DRM_IOCTL_MODE_CREATE_DUMB, &create) < 0)
		return mem_refuse(-errno,
				  "The device makes no dumb buffer of %zu bytes (%m): take a card "
				  "node (/dev/dri/card0) whose driver can.",
				  bytes);
	return zcrx_mem_gem(card, create.handle);
}

int zcrx_mem_drm(const char *path, size_t bytes)
{
	int r = mem_pages(&bytes, bytes);
	if (r < 0)
		return r;
	if (bytes > UINT32_MAX)
		return mem_refuse(-EINVAL, "A dumb buffer has less than 4 GiB.");
	int card = mem_device(path, "ls /dev/dri shows the cards; vgem (modprobe vgem) is one "
				    "without hardware");
	if (card < 0)
		return card;
	/* Closing the card's descriptor frees the handle; the dma-buf keeps the buffer. */
	r = dumb_new(card, bytes);
	close(card);
	return r;
}
