/* SPDX-License-Identifier: MIT */
/*
 * libzcrx-mem: memory of other exporters for zcrx_area_import().
 *
 * The functions zcrx_mem_*() return a dma-buf, which is a file descriptor: give it to
 * zcrx_area_import() with 0 for the length, then close it. Memory of a GPU is an object, struct
 * zcrx_cuda, since the CPU cannot read it.
 *
 * Lengths are in bytes, are rounded up to whole pages, and are not 0. Functions that return int
 * return a descriptor or 0, or a negative errno; zcrx_mem_error() then has a sentence:
 *   -ENOENT       the device or the library is not there
 *   -EACCES       this process may not open the device
 *   -EOPNOTSUPP   the device is there, but cannot do this
 *   -EINVAL       the length is impossible
 *   -ENOMEM, or another error of the kernel's
 *
 * Threads: any thread may call any function. A struct zcrx_cuda belongs to one thread at a time.
 */
#ifndef ZCRX_MEM_H
#define ZCRX_MEM_H

#include <zcrx.h>

#ifdef __cplusplus
extern "C" {
#endif

/*
 * One sentence on the last call of this thread that failed, "" if none has. Valid until the
 * thread's next call of this library.
 */
ZCRX_API const char *zcrx_mem_error(void);

/* A dma-buf of ordinary memory, made by /dev/udmabuf. The caller closes it. */
ZCRX_API int zcrx_mem_udmabuf(size_t bytes);

/* A dma-buf from the heap /dev/dma_heap/NAME ("system": ordinary memory). The caller closes it. */
ZCRX_API int zcrx_mem_heap(const char *name, size_t bytes);

/*
 * A dumb buffer of a DRM device, as a dma-buf, which the caller closes. path: the card's node, such
 * as /dev/dri/card0. bytes: less than 4 GiB.
 */
ZCRX_API int zcrx_mem_drm(const char *path, size_t bytes);

/*
 * The dma-buf of a buffer object that the caller has already. drm: an open DRM device; handle: the
 * object's GEM handle there. The caller keeps the object and closes the dma-buf.
 */
ZCRX_API int zcrx_mem_gem(int drm, uint32_t handle);

/* ---- memory of a GPU, by CUDA's driver API ---- */

struct zcrx_cuda;

/*
 * Allocates memory on the CUDA device of that number. The device's primary context, which is that
 * of the CUDA runtime, is held until zcrx_cuda_free(). The first call loads libcuda. The caller
 * owns *ret.
 */
ZCRX_API int zcrx_cuda_new(struct zcrx_cuda **ret, int device, size_t bytes);

/*
 * The same for memory that the caller allocated on the device and keeps, from a device address on.
 * address and bytes: whole pages of the host, within one allocation.
 */
ZCRX_API int zcrx_cuda_take(struct zcrx_cuda **ret, int device, uint64_t address, size_t bytes);

/* The memory's dma-buf, for zcrx_area_import(). c owns it: do not close it. */
ZCRX_API int zcrx_cuda_fd(const struct zcrx_cuda *c);

/* The memory's address on the device. */
ZCRX_API uint64_t zcrx_cuda_address(const struct zcrx_cuda *c);

/*
 * The CPU cannot read the memory, only a copy of it. zcrx_cuda_fetch() begins to copy len bytes
 * from off (bytes) on; any number of copies may be under way. zcrx_cuda_wait() waits for all of
 * them. Then the bytes are at the same off in the memory that zcrx_cuda_host() returns. c owns that
 * memory, which is as large as the area; the first fetch allocates it, and before it is NULL.
 */
ZCRX_API int zcrx_cuda_fetch(struct zcrx_cuda *c, uint64_t off, size_t len);
ZCRX_API int zcrx_cuda_wait(struct zcrx_cuda *c);
ZCRX_API const void *zcrx_cuda_host(const struct zcrx_cuda *c);

/* Frees all of it. Free the area first. c may be NULL. */
ZCRX_API void zcrx_cuda_free(struct zcrx_cuda *c);

#ifdef __cplusplus
}
#endif

#endif
