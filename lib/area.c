/* SPDX-License-Identifier: MIT */
#include "lib/area.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/dma-buf.h>
#include <linux/magic.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "lib/request.h"
#include "lib/zcrx.h"
#include "proto/mapping.h"

/* The memfd cannot be made executable. Kernels whose headers lack the flag do not ask for it. */
#ifndef MFD_NOEXEC_SEAL
#define MFD_NOEXEC_SEAL 0
#endif

enum {
	SEALS = F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL
};

/* Makes a sealed memfd, which has no memory yet. */
static int memfd_new(size_t bytes)
{
	int fd = memfd_create("zcrx-area", MFD_CLOEXEC | MFD_ALLOW_SEALING | MFD_NOEXEC_SEAL);
	if (fd < 0)
		return -errno;
	if (ftruncate(fd, (off_t)bytes) < 0 || fcntl(fd, F_ADD_SEALS, SEALS) < 0) {
		int error = -errno;
		close(fd);
		return error;
	}
	return fd;
}

static int memory_map(struct zcrx_area *a, int fd)
{
	return mapping_new(&a->data, fd, a->bytes, PROT_READ | PROT_WRITE, 0);
}

/*
 * Touches all of the area's memory. Whoever touches a page of a memfd first pays for it: so this
 * process does, and later neither the daemon nor the kernel fails for lack of memory.
 */
static int memory_fill(struct zcrx_area *a)
{
	return madvise(a->data, a->bytes, MADV_POPULATE_WRITE) < 0 ? -errno : 0;
}

int area_ms(const struct zcrx_area *a)
{
	return (int)(a->bytes >> 15 < INT_MAX / 2 ? a->bytes >> 15 : INT_MAX / 2);
}

static int area_add(struct zcrx_area *a, int fd, enum msg_area_kind kind)
{
	struct request r = {.fd = fd, .nfds = kind == MSG_AREA_UDMABUF, .extra_ms = area_ms(a)};
	r.m.area_add = (struct msg_area_add){
		.hdr = REQUEST_HDR(area_add, AREA_ADD),
		.kind = kind,
		.length = a->bytes,
	};
	int error = request(a->z, &r);
	if (error)
		return error;
	a->id = r.m.area_add_reply.area_id;
	if (kind == MSG_AREA_UDMABUF)
		a->dmabuf = r.fds[0];
	return 0;
}

static void area_del(const struct zcrx_area *a)
{
	struct request r = {.fd = -1, .extra_ms = area_ms(a)};
	r.m.area_del = (struct msg_area_del){
		.hdr = REQUEST_HDR(area_del, AREA_DEL),
		.area_id = a->id,
	};
	request(a->z, &r);
}

static struct zcrx_area *area_alloc(struct zcrx *z, size_t bytes)
{
	struct zcrx_area *a = calloc(1, sizeof(*a));
	if (!a)
		return NULL;
	a->z = z;
	a->bytes = bytes;
	a->dmabuf = -1;
	TAILQ_INSERT_TAIL(&z->areas, a, link);
	return a;
}

void area_release(struct zcrx_area *a)
{
	TAILQ_REMOVE(&a->z->areas, a, link);
	if (a->data)
		mapping_free(a->data, a->bytes);
	if (a->dmabuf >= 0)
		close(a->dmabuf);
	free(a);
}

/*
 * Makes an area of a memfd. Its memory is touched before the daemon gets it, unless the area is
 * larger than the user's limit: the daemon most likely refuses that. If mapping fails and the
 * daemon refuses, the daemon's sentence is kept, as it says more than mmap(2)'s errno.
 */
static int memfd_area(struct zcrx_area *a, int fd, enum msg_area_kind kind)
{
	bool beyond = a->bytes > a->z->area_bytes_most;
	int lack = memory_map(a, fd);
	if (!lack && !beyond)
		lack = memory_fill(a);
	int error = area_add(a, fd, kind);
	if (error)
		return error;
	if (!lack && beyond)
		lack = memory_fill(a);
	if (lack) {
		area_del(a);
		return refuse(a->z, lack, "The area's memory cannot be had: %m.");
	}
	return 0;
}

/*
 * Makes an area of a dma-buf. Many exporters' memory cannot be mapped; such payload is read by a
 * device.
 */
static int dmabuf_area(struct zcrx_area *a, int fd)
{
	a->dmabuf = fcntl(fd, F_DUPFD_CLOEXEC, 0);
	if (a->dmabuf < 0)
		return refuse(a->z, -errno, "The dma-buf's descriptor cannot be duplicated: %m.");
	int error = area_add(a, fd, MSG_AREA_DMABUF);
	if (error)
		return error;
	memory_map(a, fd);
	return 0;
}

static int area_made(struct zcrx_area **ret, struct zcrx_area *a, int error)
{
	if (error)
		area_release(a);
	else
		*ret = a;
	return error;
}

int zcrx_area_new(struct zcrx *z, struct zcrx_area **ret, size_t bytes, unsigned flags)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE);
	if (flags & ~ZCRX_AREA_UDMABUF)
		return refuse(z, -EINVAL, "No flag of an area but UDMABUF may be set.");
	if (bytes == 0)
		return refuse(z, -EINVAL, "An area needs a length.");
	if (bytes > SIZE_MAX / 2 - page)
		return refuse(z, -EINVAL, "An area cannot be as long as %zu bytes.", bytes);
	struct zcrx_area *a = area_alloc(z, (bytes + page - 1) / page * page);
	if (!a)
		return refuse(z, -ENOMEM, "Out of memory.");
	int fd = memfd_new(a->bytes);
	if (fd < 0) {
		refuse(z, fd, "No memfd for the area can be made: %m.");
		return area_made(ret, a, fd);
	}
	int error =
		memfd_area(a, fd, flags & ZCRX_AREA_UDMABUF ? MSG_AREA_UDMABUF : MSG_AREA_MEMFD);
	close(fd);
	return area_made(ret, a, error);
}

static bool is_dmabuf(int fd)
{
	struct statfs fs;
	return fstatfs(fd, &fs) == 0 && fs.f_type == DMA_BUF_MAGIC;
}

int zcrx_area_import(struct zcrx *z, struct zcrx_area **ret, int fd, size_t bytes)
{
	if (fcntl(fd, F_GETFD) < 0)
		return refuse(z, -EBADF, "There is no such file descriptor: %d.", fd);
	bool dmabuf = is_dmabuf(fd);
	if (!dmabuf && fcntl(fd, F_GET_SEALS) < 0)
		return refuse(z, -EINVAL, "Descriptor %d is neither a memfd nor a dma-buf.", fd);
	struct stat st;
	if (bytes == 0 && fstat(fd, &st) == 0)
		bytes = (size_t)st.st_size;
	struct zcrx_area *a = area_alloc(z, bytes);
	if (!a)
		return refuse(z, -ENOMEM, "Out of memory.");
	return area_made(ret, a, dmabuf ? dmabuf_area(a, fd) : memfd_area(a, fd, MSG_AREA_MEMFD));
}

void *zcrx_area_data(const struct zcrx_area *a)
{
	return a->data;
}

size_t zcrx_area_bytes(const struct zcrx_area *a)
{
	return a->bytes;
}

int zcrx_area_sync(struct zcrx_area *a, int begin)
{
	struct dma_buf_sync sync = {
		.flags = DMA_BUF_SYNC_READ | (begin ? DMA_BUF_SYNC_START : DMA_BUF_SYNC_END),
	};
	int r;
	if (a->dmabuf < 0)
		return 0;
	do
		r = ioctl(a->dmabuf, DMA_BUF_IOCTL_SYNC, &sync);
	while (r < 0 && (errno == EINTR || errno == EAGAIN));
	return r < 0 ? refuse(a->z, -errno, "The dma-buf cannot be synchronized: %m.") : 0;
}

int zcrx_area_free(struct zcrx_area *a)
{
	if (!a)
		return 0;
	if (a->busy)
		return refuse(a->z, -EBUSY, "The area is in use; close its queue first.");
	area_del(a);
	area_release(a);
	return 0;
}
