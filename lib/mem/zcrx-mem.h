/* SPDX-License-Identifier: MIT */
/*
 * libzcrx-mem: memory of other exporters for zcrx_area_import().
 *
 * A dma-buf is a file descriptor, and that is what these functions make: give it to
 * zcrx_area_import() with 0 for its length, then close it. Memory of a GPU needs more than that and
 * is an object, struct zcrx_cuda.
 *
 * Lengths are in bytes, are rounded up to whole pages and are not 0. Errors are negative errnos;
 * zcrx_mem_error() has the sentence. What one can meet:
 *   -ENOENT       the device or the library is not there
 *   -EACCES       you may not open the device
 *   -EOPNOTSUPP   it is there, but cannot do this
 *   -EINVAL       a length that cannot be
 *   -ENOMEM, or whatever else the kernel says
 *
 * Threads: any function on any thread; a struct zcrx_cuda belongs to one thread at a time.
 */
#ifndef ZCRX_MEM_H
#define ZCRX_MEM_H

#include <zcrx.h>

#ifdef __cplusplus
extern "C" {
#endif

/* One sentence on what failed last on this thread, "" if nothing has. Valid until the next call. */
ZCRX_API const char *zcrx_mem_error(void);

/* A dma-buf of ordinary memory, made by /dev/udmabuf. */
ZCRX_API int zcrx_mem_udmabuf(size_t bytes);

/* A dma-buf from the heap /dev/dma_heap/NAME; "system" is ordinary memory. */
ZCRX_API int zcrx_mem_heap(const char *name, size_t bytes);

/*
 * A dumb buffer of a DRM device, as a dma-buf; path is that of a card node, /dev/dri/card0. At most
 * 4 GiB.
 */
ZCRX_API int zcrx_mem_drm(const char *path, size_t bytes);

/* The dma-buf of a buffer object that is yours already: its GEM handle on an open DRM device. */
ZCRX_API int zcrx_mem_gem(int drm, uint32_t handle);

/* ---- memory of a GPU, by CUDA's driver API ---- */

struct zcrx_cuda;

/*
 * Allocates memory on the CUDA device of that number, or takes memory that was allocated there
 * already, from a device address on (address and bytes in whole pages; it stays the caller's). The
 * device's primary context, the one of the CUDA runtime, is held until zcrx_cuda_free(). libcuda is
 * loaded here, at the first call.
 */
ZCRX_API int zcrx_cuda_new(struct zcrx_cuda **ret, int device, size_t bytes);
ZCRX_API int zcrx_cuda_take(struct zcrx_cuda **ret, int device, uint64_t address, size_t bytes);

/* Its dma-buf, for zcrx_area_import(); do not close it. Its address on the device. */
ZCRX_API int zcrx_cuda_fd(const struct zcrx_cuda *c);
ZCRX_API uint64_t zcrx_cuda_address(const struct zcrx_cuda *c);

/*
 * The CPU cannot read the memory, only have it copied. zcrx_cuda_fetch() begins to copy len bytes
 * from off on; any number of copies may be under way. zcrx_cuda_wait() ends them all; then they are
 * in the memory that zcrx_cuda_host() names, at the same off. That memory is as large as the area
 * and is had at the first fetch, NULL until then.
 */
ZCRX_API int zcrx_cuda_fetch(struct zcrx_cuda *c, uint64_t off, size_t len);
ZCRX_API int zcrx_cuda_wait(struct zcrx_cuda *c);
ZCRX_API const void *zcrx_cuda_host(const struct zcrx_cuda *c);

/* Gives everything back. Free the area first. NULL is fine. */
ZCRX_API void zcrx_cuda_free(struct zcrx_cuda *c);

#ifdef __cplusplus
}
#endif

#endif
