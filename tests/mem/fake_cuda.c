/* SPDX-License-Identifier: MIT */
/* One device, one thread, one context; see fake_cuda.h. */
#include "tests/mem/fake_cuda.h"

#include <fcntl.h>
#include <linux/udmabuf.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

enum {
	INVALID_CONTEXT = 201,
	ALLOCATIONS = 8,
	COPIES = 1024,
	ODD_BYTES = 512,
	POISON = 0xdb,
	DEVICE = 42
};

/* No canonical address on any machine: whoever follows it gets a signal. */
#define FIRST_ADDRESS (1ull << 56)
#define ADDRESS_STEP  (1ull << 40)

struct allocation {
	size_t begin, end; /* in the memfd; end 0: unused */
	int memfd;
	char *at;
};

struct copy {
	void *to;
	const void *from;
	size_t bytes;
};

struct cuda_context_ {
	int held, current;
};

struct cuda_stream_ {
	struct copy copies[COPIES];
	size_t n;
};

static struct cuda_context_ context;
static struct allocation allocations[ALLOCATIONS];
static unsigned streams, host_blocks;
static unsigned long long copied, copies, waits;
static long long export_flags = -1;

static bool told(const char *mode)
{
	const char *is = getenv("FAKE_CUDA");
	return is && strcmp(is, mode) == 0;
}

static struct allocation *find(cuda_address address, size_t bytes)
{
	size_t i = (address - FIRST_ADDRESS) / ADDRESS_STEP, off = address % ADDRESS_STEP;
	if (address < FIRST_ADDRESS || i >= ALLOCATIONS || off < allocations[i].begin ||
	    off > allocations[i].end || bytes > allocations[i].end - off)
		return NULL;
	return &allocations[i];
}

long long fake_cuda_export_flags(void)
{
	return export_flags;
}

unsigned fake_cuda_allocations(void)
{
	unsigned n = 0;
	for (size_t i = 0; i < ALLOCATIONS; i++)
		n += allocations[i].end != 0;
	return n;
}

void *fake_cuda_bytes(cuda_address address)
{
	const struct allocation *a = find(address, 1);
	return a ? a->at + address % ADDRESS_STEP : NULL;
}

int cuInit(unsigned flags)
{
	return flags ? CUDA_INVALID_VALUE : 0;
}

int cuGetErrorString(int result, const char **ret)
{
	*ret = result == CUDA_OUT_OF_MEMORY ? "out of memory" : "a fake error";
	return 0;
}

int cuDeviceGet(cuda_device *ret, int ordinal)
{
	if (ordinal != 0 || told("no-device"))
		return CUDA_INVALID_DEVICE;
	*ret = DEVICE;
	return 0;
}

int cuDeviceGetAttribute(int *ret, int attribute, cuda_device device)
{
	if (device != DEVICE || attribute != CUDA_DEVICE_ATTRIBUTE_DMA_BUF)
		return CUDA_INVALID_VALUE;
	*ret = !told("no-dmabuf");
	return 0;
}

int cuDevicePrimaryCtxRetain(cuda_context *ret, cuda_device device)
{
	if (device != DEVICE)
		return CUDA_INVALID_VALUE;
	context.held++;
	*ret = &context;
	return 0;
}

static void log_sums(void)
{
	const char *path = getenv("FAKE_CUDA_LOG");
	FILE *f = path ? fopen(path, "we") : NULL;
	if (!f)
		return;
	fprintf(f, "{\"bytes\": %llu, \"copies\": %llu, \"waits\": %llu}\n", copied, copies, waits);
	fclose(f);
}

int cuDevicePrimaryCtxRelease_v2(cuda_device device)
{
	if (device != DEVICE || context.held == 0 || context.current)
		abort();
	if (--context.held == 0) {
		if (streams || host_blocks)
			abort();
		log_sums();
	}
	return 0;
}

int cuCtxPushCurrent_v2(cuda_context c)
{
	if (c != &context || !context.held)
		return INVALID_CONTEXT;
	context.current++;
	return 0;
}

int cuCtxPopCurrent_v2(cuda_context *ret)
{
	if (!context.current)
		abort();
	context.current--;
	*ret = &context;
	return 0;
}

int cuMemAlloc_v2(cuda_address *ret, size_t bytes)
{
	size_t i = 0;
	if (!context.current)
		return INVALID_CONTEXT;
	while (i < ALLOCATIONS && allocations[i].end)
		i++;
	size_t begin = told("unaligned") ? ODD_BYTES : 0, end = begin + bytes;
	size_t page = (size_t)sysconf(_SC_PAGESIZE), room = (end + page - 1) / page * page;
	if (i == ALLOCATIONS || bytes == 0 || bytes > ADDRESS_STEP / 2 || told("no-memory"))
		return CUDA_OUT_OF_MEMORY;
	int fd = memfd_create("fake-cuda", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	void *at = MAP_FAILED;
	if (fd >= 0 && ftruncate(fd, (off_t)room) == 0 &&
	    fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK) == 0)
		at = mmap(NULL, room, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (at == MAP_FAILED) {
		close(fd);
		return CUDA_OUT_OF_MEMORY;
	}
	allocations[i] = (struct allocation){.begin = begin, .end = end, .memfd = fd, .at = at};
	*ret = FIRST_ADDRESS + i * ADDRESS_STEP + begin;
	return 0;
}

int cuMemFree_v2(cuda_address address)
{
	struct allocation *a = find(address, 1);
	if (!context.current)
		return INVALID_CONTEXT;
	if (!a || address % ADDRESS_STEP != a->begin)
		abort();
	munmap(a->at, a->end);
	close(a->memfd);
	*a = (struct allocation){0};
	return 0;
}

int cuMemGetAddressRange_v2(cuda_address *ret_base, size_t *ret_bytes, cuda_address address)
{
	const struct allocation *a = find(address, 1);
	if (!context.current)
		return INVALID_CONTEXT;
	if (!a)
		return CUDA_NOT_FOUND;
	*ret_base = address - address % ADDRESS_STEP + a->begin;
	*ret_bytes = a->end - a->begin;
	return 0;
}

/* Does the mode that the test chose accept these flags of an export? */
static bool flags_are_good(unsigned long long flags)
{
	if (told("pcie-only"))
		return flags == CUDA_RANGE_PCIE;
	return flags == 0 || (flags == CUDA_RANGE_PCIE && told("pcie-too"));
}

/* By /dev/udmabuf; where there is none, the memfd stands for what would be exported. */
static int dmabuf_make(const struct allocation *a, size_t off, size_t bytes)
{
	int device = open("/dev/udmabuf", O_RDWR | O_CLOEXEC);
	struct udmabuf_create create = {
		.memfd = (__u32)a->memfd,
		.flags = UDMABUF_FLAGS_CLOEXEC,
		.offset = off,
		.size = bytes,
	};
	if (device < 0)
		return fcntl(a->memfd, F_DUPFD_CLOEXEC, 0);
	int fd = ioctl(device, UDMABUF_CREATE, &create);
	close(device);
	return fd;
}

int cuMemGetHandleForAddressRange(void *ret, cuda_address address, size_t bytes, int kind,
				  unsigned long long flags)
{
	const struct allocation *a = find(address, bytes);
	if (!context.current)
		return INVALID_CONTEXT;
	if (!a || kind != CUDA_RANGE_DMA_BUF_FD || !flags_are_good(flags))
		return CUDA_INVALID_VALUE;
	int fd = dmabuf_make(a, address % ADDRESS_STEP, bytes);
	if (fd < 0)
		return CUDA_NOT_SUPPORTED;
	export_flags = (long long)flags;
	*(int *)ret = fd;
	return 0;
}

int cuMemAllocHost_v2(void **ret, size_t bytes)
{
	if (!context.current)
		return INVALID_CONTEXT;
	*ret = malloc(bytes);
	host_blocks += *ret != NULL;
	return *ret ? 0 : CUDA_OUT_OF_MEMORY;
}

int cuMemFreeHost(void *at)
{
	if (!context.current)
		return INVALID_CONTEXT;
	host_blocks--;
	free(at);
	return 0;
}

int cuStreamCreate(cuda_stream *ret, unsigned flags)
{
	if (!context.current)
		return INVALID_CONTEXT;
	if (flags != CUDA_STREAM_NON_BLOCKING)
		return CUDA_INVALID_VALUE;
	*ret = calloc(1, sizeof(**ret));
	streams += *ret != NULL;
	return *ret ? 0 : CUDA_OUT_OF_MEMORY;
}

int cuStreamDestroy_v2(cuda_stream stream)
{
	if (!context.current)
		return INVALID_CONTEXT;
	if (stream->n)
		abort();
	streams--;
	free(stream);
	return 0;
}

int cuStreamSynchronize(cuda_stream stream)
{
	if (!context.current)
		return INVALID_CONTEXT;
	for (size_t i = 0; i < stream->n; i++) {
		const struct copy *c = &stream->copies[i];
		memcpy(c->to, c->from, c->bytes);
		copied += c->bytes;
	}
	copies += stream->n;
	waits++;
	stream->n = 0;
	return 0;
}

int cuMemcpyDtoHAsync_v2(void *to, cuda_address from, size_t bytes, cuda_stream stream)
{
	if (!context.current)
		return INVALID_CONTEXT;
	const struct allocation *a = find(from, bytes);
	if (!a || stream->n == COPIES)
		return CUDA_INVALID_VALUE;
	memset(to, POISON, bytes);
	stream->copies[stream->n++] =
		(struct copy){.to = to, .from = a->at + from % ADDRESS_STEP, .bytes = bytes};
	return 0;
}

cuda_address fake_cuda_alloc(size_t bytes)
{
	cuda_context c;
	cuda_address address;
	if (cuDevicePrimaryCtxRetain(&c, DEVICE) || cuCtxPushCurrent_v2(c) ||
	    cuMemAlloc_v2(&address, bytes) || cuCtxPopCurrent_v2(&c))
		abort();
	return address;
}

void fake_cuda_free(cuda_address address)
{
	cuda_context c = &context;
	if (cuCtxPushCurrent_v2(c) || cuMemFree_v2(address) || cuCtxPopCurrent_v2(&c))
		abort();
	cuDevicePrimaryCtxRelease_v2(DEVICE);
}
