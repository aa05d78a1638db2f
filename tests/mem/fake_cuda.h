/* SPDX-License-Identifier: MIT */
/*
 * libcuda without a GPU, as far as libzcrx-mem calls it, and stricter than the real one: a call
 * without a context fails, what is not given back before the context is aborts the program, copies
 * happen while they are waited for and no sooner. "Device memory" has addresses that no CPU can
 * touch; it is a memfd, exported by /dev/udmabuf, so a NIC can write to it.
 *
 * $FAKE_CUDA: "no-device", "no-dmabuf" or "no-memory" make it refuse. By default it is a driver
 * that knows no flags of an export; with "pcie-only" a dma-buf is had by the flag for PCIe only,
 * with "pcie-too" either way. With "unaligned" allocations begin between pages. $FAKE_CUDA_LOG: a
 * file that the sums are written to when the context is given back.
 */
#ifndef TESTS_MEM_FAKE_CUDA_H
#define TESTS_MEM_FAKE_CUDA_H

#include "lib/mem/cuda_api.h"

#define CU __attribute__((visibility("default")))

CU int cuInit(unsigned flags);
CU int cuGetErrorString(int result, const char **ret);
CU int cuDeviceGet(cuda_device *ret, int ordinal);
CU int cuDeviceGetAttribute(int *ret, int attribute, cuda_device device);
CU int cuDevicePrimaryCtxRetain(cuda_context *ret, cuda_device device);
CU int cuDevicePrimaryCtxRelease_v2(cuda_device device);
CU int cuCtxPushCurrent_v2(cuda_context context);
CU int cuCtxPopCurrent_v2(cuda_context *ret);
CU int cuMemAlloc_v2(cuda_address *ret, size_t bytes);
CU int cuMemFree_v2(cuda_address address);
CU int cuMemGetAddressRange_v2(cuda_address *ret_base, size_t *ret_bytes, cuda_address address);
CU int cuMemGetHandleForAddressRange(void *ret, cuda_address address, size_t bytes, int kind,
				     unsigned long long flags);
CU int cuMemAllocHost_v2(void **ret, size_t bytes);
CU int cuMemFreeHost(void *at);
CU int cuStreamCreate(cuda_stream *ret, unsigned flags);
CU int cuStreamDestroy_v2(cuda_stream stream);
CU int cuStreamSynchronize(cuda_stream stream);
CU int cuMemcpyDtoHAsync_v2(void *to, cuda_address from, size_t bytes, cuda_stream stream);

/* ---- for tests ---- */

/* Memory as the program that CUDA is there for would allocate it, and its end. */
CU cuda_address fake_cuda_alloc(size_t bytes);
CU void fake_cuda_free(cuda_address address);

/* The bytes behind a device address: this "device" memory is in the test's own process. */
CU void *fake_cuda_bytes(cuda_address address);

/* The flags of the last export that succeeded; -1: there was none. */
CU long long fake_cuda_export_flags(void);

/* How many allocations nobody has freed. */
CU unsigned fake_cuda_allocations(void);

#endif
