/* SPDX-License-Identifier: MIT */
/*
 * What the memory of each exporter is like, inside the VM, where all of them are. libcuda.so.1 is
 * the fake that this program is linked with.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/dma-buf.h>
#include <linux/magic.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>
#include <xf86drm.h>

#include <cmocka.h>

#include "tests/lib/fake.h"
#include "tests/mem/fake_cuda.h"
#include <zcrx-mem.h>

#define CARD "/dev/dri/card0"

enum {
	BYTES = 1 << 20
};

static size_t page(void)
{
	return (size_t)sysconf(_SC_PAGESIZE);
}

static void assert_said(const char *words)
{
	if (!strstr(zcrx_mem_error(), words))
		fail_msg("\"%s\" does not say \"%s\"", zcrx_mem_error(), words);
}

static void sync_bytes(int fd, uint64_t flags)
{
	struct dma_buf_sync sync = {.flags = flags | DMA_BUF_SYNC_RW};
	assert_int_equal(ioctl(fd, DMA_BUF_IOCTL_SYNC, &sync), 0);
}

/* A dma-buf of that size, which nobody inherits, open for reading and writing, with bytes. */
static void assert_dmabuf(int fd, size_t bytes)
{
	struct statfs fs;
	struct stat st;
	if (fd < 0)
		fail_msg("%d: %s", fd, zcrx_mem_error());
	assert_int_equal(fstatfs(fd, &fs), 0);
	assert_int_equal(fs.f_type, DMA_BUF_MAGIC);
	assert_int_equal(fstat(fd, &st), 0);
	assert_int_equal(st.st_size, bytes);
	assert_int_equal(fcntl(fd, F_GETFL) & O_ACCMODE, O_RDWR);
	assert_int_equal(fcntl(fd, F_GETFD), FD_CLOEXEC);
	char *at = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	assert_ptr_not_equal(at, MAP_FAILED);
	sync_bytes(fd, DMA_BUF_SYNC_START);
	assert_int_equal(at[0], 0);
	at[0] = 1;
	at[bytes - 1] = 2;
	sync_bytes(fd, DMA_BUF_SYNC_END);
	munmap(at, bytes);
}

/* The dma-buf is an area with the same bytes and the same length, and reads can be bracketed. */
static void assert_area(int fd, size_t bytes)
{
	struct fake fake;
	struct zcrx *z;
	struct zcrx_area *a;
	fake_start(&fake);
	assert_int_equal(zcrx_connect(&z, fake.path), 0);
	assert_int_equal(zcrx_area_import(z, &a, fd, 0), 0);
	close(fd);
	assert_int_equal(fake_last_request(&fake).area_add.kind, MSG_AREA_DMABUF);
	assert_int_equal(fake_last_request(&fake).area_add.length, bytes);
	assert_int_equal(zcrx_area_bytes(a), bytes);
	const char *at = zcrx_area_data(a);
	assert_non_null(at);
	assert_int_equal(zcrx_area_sync(a, 1), 0);
	assert_int_equal(at[0], 1);
	assert_int_equal(at[bytes - 1], 2);
	assert_int_equal(zcrx_area_sync(a, 0), 0);
	assert_int_equal(zcrx_area_free(a), 0);
	zcrx_close(z);
	fake_stop(&fake);
}

/* Odd lengths are rounded up. */
static void assert_memory(int (*make)(size_t bytes))
{
	for (size_t bytes = 1; bytes <= BYTES; bytes = bytes * 31 + 7) {
		size_t whole = (bytes + page() - 1) / page() * page();
		int fd = make(bytes);
		assert_dmabuf(fd, whole);
		assert_area(fd, whole);
	}
}

static int heap(size_t bytes)
{
	return zcrx_mem_heap("system", bytes);
}

static int drm(size_t bytes)
{
	return zcrx_mem_drm(CARD, bytes);
}

static void udmabufs_are_dma_bufs(void **state)
{
	(void)state;
	assert_memory(zcrx_mem_udmabuf);
}

static void a_udmabuf_beyond_the_limit_is_refused(void **state)
{
	(void)state;
	assert_int_equal(zcrx_mem_udmabuf((size_t)1 << 40), -EINVAL);
	assert_said("size_limit_mb");
}

static void memory_of_a_heap_is_a_dma_buf(void **state)
{
	(void)state;
	assert_memory(heap);
}

static void dumb_buffers_are_dma_bufs(void **state)
{
	(void)state;
	assert_memory(drm);
}

static uint32_t object_new(int card)
{
	struct drm_mode_create_dumb create = {.width = 1024, .height = 4, .bpp = 32};
	assert_int_equal(drmIoctl(card, DRM_IOCTL_MODE_CREATE_DUMB, &create), 0);
	return create.handle;
}

static void a_buffer_object_is_exported(void **state)
{
	(void)state;
	int card = open(CARD, O_RDWR | O_CLOEXEC);
	int fd = zcrx_mem_gem(card, object_new(card));
	assert_dmabuf(fd, 4 * 4096);
	assert_area(fd, 4 * 4096);
	assert_int_equal(zcrx_mem_gem(card, 12345), -ENOENT);
	assert_said("12345");
	close(card);
	assert_int_equal(zcrx_mem_gem(card, 1), -EBADF);
}

/* The daemon would refuse it; the library only finds that it cannot be mapped, and goes on. */
static void what_cannot_be_mapped_is_an_area_without_bytes(void **state)
{
	(void)state;
	struct fake fake;
	struct zcrx *z;
	struct zcrx_area *a;
	int fd, card = open(CARD, O_RDWR | O_CLOEXEC);
	assert_int_equal(drmPrimeHandleToFD(card, object_new(card), DRM_CLOEXEC, &fd), 0);
	fake_start(&fake);
	assert_int_equal(zcrx_connect(&z, fake.path), 0);
	assert_int_equal(zcrx_area_import(z, &a, fd, 0), 0);
	assert_null(zcrx_area_data(a));
	assert_int_equal(zcrx_area_sync(a, 1), 0);
	assert_int_equal(zcrx_area_sync(a, 0), 0);
	zcrx_close(z);
	fake_stop(&fake);
	close(fd);
	close(card);
}

static void memory_of_a_gpu_is_copied_out(void **state)
{
	(void)state;
	struct zcrx_cuda *c;
	assert_int_equal(zcrx_cuda_new(&c, 0, BYTES - 5), 0);
	assert_dmabuf(zcrx_cuda_fd(c), BYTES);
	assert_area(fcntl(zcrx_cuda_fd(c), F_DUPFD_CLOEXEC, 0), BYTES);
	assert_null(zcrx_cuda_host(c));
	assert_int_equal(zcrx_cuda_wait(c), 0);
	char *bytes = fake_cuda_bytes(zcrx_cuda_address(c));
	memcpy(bytes + 100, "here", 4);
	memcpy(bytes + BYTES - 4, "last", 4);
	assert_int_equal(zcrx_cuda_fetch(c, 100, 4), 0);
	assert_int_equal(zcrx_cuda_fetch(c, BYTES - 4, 4), 0);
	const char *host = zcrx_cuda_host(c);
	assert_memory_not_equal(host + 100, "here", 4);
	assert_int_equal(zcrx_cuda_wait(c), 0);
	assert_memory_equal(host + 100, "here", 4);
	assert_memory_equal(host + BYTES - 4, "last", 4);
	assert_int_equal(zcrx_cuda_fetch(c, BYTES - 4, 5), -EINVAL);
	assert_int_equal(zcrx_cuda_fetch(c, UINT64_MAX, 2), -EINVAL);
	assert_int_equal(zcrx_cuda_fetch(c, 0, 1), 0); /* nobody waits for it */
	zcrx_cuda_free(c);
	zcrx_cuda_free(NULL);
}

static void a_range_of_a_gpu_s_memory_is_taken(void **state)
{
	(void)state;
	struct zcrx_cuda *c;
	setenv("FAKE_CUDA", "pcie-only", 1);
	cuda_address address = fake_cuda_alloc(BYTES);
	assert_int_equal(zcrx_cuda_take(&c, 0, address + page(), 2 * page()), 0);
	assert_true(zcrx_cuda_address(c) == address + page());
	assert_dmabuf(zcrx_cuda_fd(c), 2 * page());
	const char *bytes = fake_cuda_bytes(address);
	assert_int_equal(bytes[page()], 1);
	assert_int_equal(zcrx_cuda_fetch(c, 0, 1), 0);
	assert_int_equal(zcrx_cuda_wait(c), 0);
	assert_int_equal(*(const char *)zcrx_cuda_host(c), 1);
	zcrx_cuda_free(c);
	assert_int_equal(bytes[page()], 1); /* still there */
	fake_cuda_free(address);
	unsetenv("FAKE_CUDA");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(udmabufs_are_dma_bufs),
		cmocka_unit_test(a_udmabuf_beyond_the_limit_is_refused),
		cmocka_unit_test(memory_of_a_heap_is_a_dma_buf),
		cmocka_unit_test(dumb_buffers_are_dma_bufs),
		cmocka_unit_test(a_buffer_object_is_exported),
		cmocka_unit_test(what_cannot_be_mapped_is_an_area_without_bytes),
		cmocka_unit_test(memory_of_a_gpu_is_copied_out),
		cmocka_unit_test(a_range_of_a_gpu_s_memory_is_taken),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
