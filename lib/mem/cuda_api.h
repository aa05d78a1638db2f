/* SPDX-License-Identifier: MIT */
/*
 * The few entry points of CUDA's driver API that are needed, declared here and found in libcuda at
 * run time: nobody needs NVIDIA's headers to build this, nor its library unless it has such a GPU.
 * The names are those libcuda exports; the _v2 are what cuda.h means by the plain ones.
 */
#ifndef ZCRX_MEM_CUDA_API_H
#define ZCRX_MEM_CUDA_API_H

#include <stddef.h>

enum {
	CUDA_INVALID_VALUE = 1,
	CUDA_OUT_OF_MEMORY = 2,
	CUDA_NO_DEVICE = 100,
	CUDA_INVALID_DEVICE = 101,
	CUDA_NOT_FOUND = 500,
	CUDA_NOT_SUPPORTED = 801,
	CUDA_DEVICE_ATTRIBUTE_DMA_BUF = 124,
	CUDA_STREAM_NON_BLOCKING = 1,
	CUDA_RANGE_DMA_BUF_FD = 1,
	CUDA_RANGE_PCIE = 1, /* CU_MEM_RANGE_FLAG_DMA_BUF_MAPPING_TYPE_PCIE, CUDA 12.8 */
};

typedef int cuda_device;
typedef unsigned long long cuda_address;
typedef struct cuda_context_ *cuda_context;
typedef struct cuda_stream_ *cuda_stream;

/* X(name, exported name, parameters): all return a CUresult, 0 when it went well. */
#define CUDA_FUNCTIONS(X)                                                                          \
	X(init, "cuInit", (unsigned flags))                                                        \
	X(error_string, "cuGetErrorString", (int result, const char **ret))                        \
	X(device_get, "cuDeviceGet", (cuda_device * ret, int ordinal))                             \
	X(device_attribute, "cuDeviceGetAttribute", (int *ret, int attribute, cuda_device device)) \
	X(context_retain, "cuDevicePrimaryCtxRetain", (cuda_context * ret, cuda_device device))    \
	X(context_release, "cuDevicePrimaryCtxRelease_v2", (cuda_device device))                   \
	X(context_push, "cuCtxPushCurrent_v2", (cuda_context context))                             \
	X(context_pop, "cuCtxPopCurrent_v2", (cuda_context * ret))                                 \
	X(alloc, "cuMemAlloc_v2", (cuda_address * ret, size_t bytes))                              \
	X(free, "cuMemFree_v2", (cuda_address address))                                            \
	X(range, "cuMemGetAddressRange_v2",                                                        \
	  (cuda_address * ret_base, size_t * ret_bytes, cuda_address address))                     \
	X(export, "cuMemGetHandleForAddressRange",                                                 \
	  (void *ret, cuda_address address, size_t bytes, int kind, unsigned long long flags))     \
	X(host_alloc, "cuMemAllocHost_v2", (void **ret, size_t bytes))                             \
	X(host_free, "cuMemFreeHost", (void *at))                                                  \
	X(stream_create, "cuStreamCreate", (cuda_stream * ret, unsigned flags))                    \
	X(stream_destroy, "cuStreamDestroy_v2", (cuda_stream stream))                              \
	X(stream_wait, "cuStreamSynchronize", (cuda_stream stream))                                \
	X(copy_out, "cuMemcpyDtoHAsync_v2",                                                        \
	  (void *to, cuda_address from, size_t bytes, cuda_stream stream))

struct cuda_api {
#define X(name, symbol, parameters) int(*name) parameters;
	CUDA_FUNCTIONS(X)
#undef X
};

/* Loads libcuda and starts it; it stays loaded. Returns 0 or a negative errno, with a sentence. */
int cuda_api_load(struct cuda_api *ret);

/* The negative errno of a result that is not 0, with a sentence on what was tried. */
int cuda_api_refuse(const struct cuda_api *cuda, const char *what, int result);

#endif
