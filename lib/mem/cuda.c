/* SPDX-License-Identifier: MIT */
/*
 * Memory of a GPU as a dma-buf, and the way to its bytes: the CPU has none of its own, so they are
 * copied by the GPU, many copies under way at once, into pinned memory of the same size.
 *
 * CUDA works on the context that is current on the calling thread; ours is the device's primary
 * one, pushed for each call and popped after it, so that the caller's own stays as it was.
 */
#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <unistd.h>

#include "lib/mem/cuda_api.h"
#include "lib/mem/error.h"
#include "lib/mem/zcrx-mem.h"

struct zcrx_cuda {
	struct cuda_api api;
	cuda_device device;
	cuda_context context; /* the device's primary context; NULL: not held */
	cuda_stream stream;   /* the stream of the copies; NULL until the first copy */
	cuda_address address; /* where the memory begins, at a whole page; 0: none yet */
	size_t bytes;
	/* the allocation around it, if it was made here; 0: the memory is the caller's */
	cuda_address own;
	void *host; /* pinned memory for the copies; NULL until the first fetch */
	int fd;
};

static int enter(const struct zcrx_cuda *c)
{
	int result = c->api.context_push(c->context);
	return result ? cuda_api_refuse(&c->api, "does not take its context", result) : 0;
}

static int leave(const struct zcrx_cuda *c, int r)
{
	cuda_context context;
	c->api.context_pop(&context);
	return r;
}

static int device_hold(struct zcrx_cuda *c, int ordinal)
{
	int r = cuda_api_load(&c->api);
	if (r < 0)
		return r;
	int result = c->api.device_get(&c->device, ordinal), exports = 0;
	if (result)
		return cuda_api_refuse(&c->api, "has no such device", result);
	result = c->api.device_attribute(&exports, CUDA_DEVICE_ATTRIBUTE_DMA_BUF, c->device);
	if (result || !exports)
		return mem_refuse(-EOPNOTSUPP,
				  "This GPU exports no dma-bufs: it takes NVIDIA's open "
				  "kernel modules and a GPU that they are for.");
	result = c->api.context_retain(&c->context, c->device);
	return result ? cuda_api_refuse(&c->api, "gives no context", result) : 0;
}

static uint64_t page_bytes(void)
{
	return (uint64_t)sysconf(_SC_PAGESIZE);
}

static cuda_address page_after(cuda_address address)
{
	return (address + page_bytes() - 1) / page_bytes() * page_bytes();
}

/*
 * Allocates memory, and a page more, so that it can begin at a whole page of the host: CUDA aligns
 * an allocation to 256 bytes only.
 */
static int memory_alloc(struct zcrx_cuda *c)
{
	if (c->bytes > SIZE_MAX - page_bytes())
		return mem_refuse(-ENOMEM, "There is not so much memory.");
	int result = c->api.alloc(&c->own, c->bytes + page_bytes());
	if (result)
		return cuda_api_refuse(&c->api, "gives no memory", result);
	c->address = page_after(c->own);
	return 0;
}

/*
 * Checks that the memory lies in one allocation. Neighbouring allocations can have other owners,
 * who free them.
 */
static int check_range(struct zcrx_cuda *c)
{
	cuda_address base = 0;
	size_t bytes = 0;
	if (!c->address || c->address % page_bytes() || c->bytes == 0 || c->bytes % page_bytes())
		return mem_refuse(-EINVAL,
				  "Only whole pages of a GPU's memory can be exported, and "
				  "these are not: address %#llx, %zu bytes.",
				  c->address, c->bytes);
	int result = c->api.range(&base, &bytes, c->address);
	if (result)
		return cuda_api_refuse(&c->api, "knows no memory at this address", result);
	uint64_t off = c->address - base;
	if (c->address < base || off > bytes || c->bytes > bytes - off)
		return mem_refuse(-EINVAL,
				  "Memory can be taken from one allocation only, and this range "
				  "ends beyond its own: address %#llx, %zu bytes, of an allocation "
				  "at %#llx with %zu bytes.",
				  c->address, c->bytes, base, bytes);
	return 0;
}

/*
 * Exports the memory as a dma-buf for NICs, which reach it by PCIe. A GPU on the CPU's coherent
 * link (GB200) needs the flag for that. Other GPUs have PCIe only, and drivers before CUDA 12.8
 * refuse the flag: then the export is tried without it.
 */
static int export(struct zcrx_cuda *c)
{
	int r = check_range(c);
	if (r < 0)
		return r;
	int result =
		c->api.export(&c->fd, c->address, c->bytes, CUDA_RANGE_DMA_BUF_FD, CUDA_RANGE_PCIE);
	if (result)
		result = c->api.export(&c->fd, c->address, c->bytes, CUDA_RANGE_DMA_BUF_FD, 0);
	return result ? cuda_api_refuse(&c->api, "exports no dma-buf of this memory", result) : 0;
}

/* Makes the object. With address 0 it allocates the memory. */
static int make(struct zcrx_cuda **ret, int device, uint64_t address, size_t bytes)
{
	struct zcrx_cuda *c = calloc(1, sizeof(*c));
	if (!c)
		return mem_refuse(-ENOMEM, "Out of memory.");
	*c = (struct zcrx_cuda){.address = address, .bytes = bytes, .fd = -1};
	int r = device_hold(c, device);
	if (r == 0)
		r = enter(c);
	if (r == 0) {
		if (!address)
			r = memory_alloc(c);
		if (r == 0)
			r = export(c);
		leave(c, r);
	}
	if (r < 0)
		zcrx_cuda_free(c);
	else
		*ret = c;
	return r;
}

int zcrx_cuda_new(struct zcrx_cuda **ret, int device, size_t bytes)
{
	int r = mem_pages(&bytes, bytes);
	return r < 0 ? r : make(ret, device, 0, bytes);
}

int zcrx_cuda_take(struct zcrx_cuda **ret, int device, uint64_t address, size_t bytes)
{
	if (!address)
		return mem_refuse(-EINVAL, "There is no memory at the address 0.");
	return make(ret, device, address, bytes);
}

int zcrx_cuda_fd(const struct zcrx_cuda *c)
{
	return c->fd;
}

uint64_t zcrx_cuda_address(const struct zcrx_cuda *c)
{
	return c->address;
}

static int copying_begin(struct zcrx_cuda *c)
{
	int result = 0;
	if (!c->stream)
		result = c->api.stream_create(&c->stream, CUDA_STREAM_NON_BLOCKING);
	if (!result && !c->host)
		result = c->api.host_alloc(&c->host, c->bytes);
	return result ? cuda_api_refuse(&c->api, "gives no memory to copy to", result) : 0;
}

static int copy(struct zcrx_cuda *c, uint64_t off, size_t len)
{
	int r = copying_begin(c);
	if (r < 0)
		return r;
	int result = c->api.copy_out((char *)c->host + off, c->address + off, len, c->stream);
	return result ? cuda_api_refuse(&c->api, "does not copy", result) : 0;
}

int zcrx_cuda_fetch(struct zcrx_cuda *c, uint64_t off, size_t len)
{
	if (off > c->bytes || len > c->bytes - off)
		return mem_refuse(-EINVAL, "The memory ends before these bytes do.");
	int r = enter(c);
	return r < 0 ? r : leave(c, copy(c, off, len));
}

int zcrx_cuda_wait(struct zcrx_cuda *c)
{
	if (!c->stream)
		return 0;
	int r = enter(c);
	if (r < 0)
		return r;
	int result = c->api.stream_wait(c->stream);
	return leave(c, result ? cuda_api_refuse(&c->api, "did not copy", result) : 0);
}

const void *zcrx_cuda_host(const struct zcrx_cuda *c)
{
	return c->host;
}

static void give_back(struct zcrx_cuda *c)
{
	if (c->stream) {
		c->api.stream_wait(c->stream);
		c->api.stream_destroy(c->stream);
	}
	if (c->host)
		c->api.host_free(c->host);
	if (c->own)
		c->api.free(c->own);
}

void zcrx_cuda_free(struct zcrx_cuda *c)
{
	if (!c)
		return;
	if (c->fd >= 0)
		close(c->fd);
	if (c->context) {
		if (c->api.context_push(c->context) == 0) {
			give_back(c);
			leave(c, 0);
		}
		c->api.context_release(c->device);
	}
	free(c);
}
