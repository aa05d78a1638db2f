/* SPDX-License-Identifier: MIT */
/*
 * What libzcrx-mem refuses, and how it says so; this needs no exporter. libcuda.so.1 is the fake
 * that this program is linked with.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "tests/mem/fake_cuda.h"
#include <zcrx-mem.h>

enum {
	BYTES = 1 << 20
};

static void assert_said(const char *words)
{
	if (!strstr(zcrx_mem_error(), words))
		fail_msg("\"%s\" does not say \"%s\"", zcrx_mem_error(), words);
}

static void impossible_lengths_are_refused(void **state)
{
	(void)state;
	struct zcrx_cuda *c = NULL;
	const size_t lengths[] = {0, SIZE_MAX, SIZE_MAX - 1};
	for (int i = 0; i < 3; i++) {
		assert_int_equal(zcrx_mem_udmabuf(lengths[i]), -EINVAL);
		assert_int_equal(zcrx_mem_heap("system", lengths[i]), -EINVAL);
		assert_int_equal(zcrx_mem_drm("/dev/dri/card0", lengths[i]), -EINVAL);
		assert_int_equal(zcrx_cuda_new(&c, 0, lengths[i]), -EINVAL);
		assert_null(c);
		assert_said("length");
	}
}

static void what_is_not_there_is_named(void **state)
{
	(void)state;
	char name[100];
	assert_int_equal(zcrx_mem_heap("no-such-heap", BYTES), -ENOENT);
	assert_said("/dev/dma_heap/no-such-heap");
	assert_int_equal(zcrx_mem_drm("/dev/dri/card99", BYTES), -ENOENT);
	assert_said("/dev/dri/card99");
	assert_said("modprobe vgem");
	assert_int_equal(zcrx_mem_drm("/dev/null", BYTES), -ENOTTY);
	assert_said("no dumb buffer");
	assert_int_equal(zcrx_mem_drm("/dev/null", (size_t)1 << 33), -EINVAL);
	memset(name, 'x', sizeof(name));
	name[sizeof(name) - 1] = '\0';
	assert_int_equal(zcrx_mem_heap(name, BYTES), -EINVAL);
}

static void a_range_that_is_no_pages_is_refused(void **state)
{
	(void)state;
	struct zcrx_cuda *c = NULL;
	size_t page = (size_t)sysconf(_SC_PAGESIZE);
	cuda_address address = fake_cuda_alloc(BYTES);
	assert_int_equal(zcrx_cuda_take(&c, 0, address + 1, page), -EINVAL);
	assert_said("whole pages");
	assert_int_equal(zcrx_cuda_take(&c, 0, address, page + 1), -EINVAL);
	assert_int_equal(zcrx_cuda_take(&c, 0, address, 0), -EINVAL);
	assert_int_equal(zcrx_cuda_take(&c, 0, 0, page), -EINVAL);
	assert_null(c);
	fake_cuda_free(address);
}

static void a_range_beyond_its_allocation_is_refused(void **state)
{
	(void)state;
	struct zcrx_cuda *c = NULL;
	size_t page = (size_t)sysconf(_SC_PAGESIZE);
	cuda_address address = fake_cuda_alloc(BYTES);
	assert_int_equal(zcrx_cuda_take(&c, 0, address, BYTES + page), -EINVAL);
	assert_said("one allocation only");
	assert_int_equal(zcrx_cuda_take(&c, 0, address + BYTES - page, 2 * page), -EINVAL);
	assert_said("one allocation only");
	assert_int_equal(zcrx_cuda_take(&c, 0, address + 2 * BYTES, page), -EINVAL);
	assert_said("knows no memory at this address: a fake error (500).");
	assert_null(c);
	assert_int_equal(zcrx_cuda_take(&c, 0, address + BYTES - page, page), 0);
	zcrx_cuda_free(c);
	fake_cuda_free(address);
}

/* By PCIe if the driver knows how, and not at all differently if it does not. */
static void a_dma_buf_leads_over_pcie(void **state)
{
	(void)state;
	static const struct {
		const char *mode;
		long long flags;
	} cases[] = {
		{"pcie-only", CUDA_RANGE_PCIE},
		{"pcie-too", CUDA_RANGE_PCIE},
		{"", 0},
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct zcrx_cuda *c;
		setenv("FAKE_CUDA", cases[i].mode, 1);
		if (zcrx_cuda_new(&c, 0, BYTES) != 0)
			fail_msg("%s: %s", cases[i].mode, zcrx_mem_error());
		assert_true(zcrx_cuda_fd(c) >= 0);
		assert_true(fake_cuda_export_flags() == cases[i].flags);
		zcrx_cuda_free(c);
	}
	unsetenv("FAKE_CUDA");
}

/* CUDA begins an allocation where it likes; an area begins at a page all the same. */
static void memory_of_ours_begins_at_a_page(void **state)
{
	(void)state;
	struct zcrx_cuda *c;
	size_t page = (size_t)sysconf(_SC_PAGESIZE);
	setenv("FAKE_CUDA", "unaligned", 1);
	if (zcrx_cuda_new(&c, 0, BYTES) != 0)
		fail_msg("%s", zcrx_mem_error());
	assert_true(zcrx_cuda_address(c) % page == 0);
	((char *)fake_cuda_bytes(zcrx_cuda_address(c)))[BYTES - 1] = 'z';
	assert_int_equal(zcrx_cuda_fetch(c, BYTES - 1, 1), 0);
	assert_int_equal(zcrx_cuda_wait(c), 0);
	assert_int_equal(((const char *)zcrx_cuda_host(c))[BYTES - 1], 'z');
	zcrx_cuda_free(c);
	assert_int_equal(fake_cuda_allocations(), 0);
	unsetenv("FAKE_CUDA");
}

static void what_cuda_refuses_is_said(void **state)
{
	(void)state;
	static const struct {
		const char *mode;
		int error;
		const char *words;
	} cases[] = {
		{"no-device", -ENOENT, "has no such device"},
		{"no-dmabuf", -EOPNOTSUPP, "open kernel modules"},
		{"no-memory", -ENOMEM, "gives no memory: out of memory (2)."},
	};
	struct zcrx_cuda *c = NULL;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		setenv("FAKE_CUDA", cases[i].mode, 1);
		assert_int_equal(zcrx_cuda_new(&c, 0, BYTES), cases[i].error);
		assert_said(cases[i].words);
	}
	unsetenv("FAKE_CUDA");
	assert_int_equal(zcrx_cuda_new(&c, 1, BYTES), -ENOENT);
	assert_null(c);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(impossible_lengths_are_refused),
		cmocka_unit_test(what_is_not_there_is_named),
		cmocka_unit_test(a_range_that_is_no_pages_is_refused),
		cmocka_unit_test(a_range_beyond_its_allocation_is_refused),
		cmocka_unit_test(a_dma_buf_leads_over_pcie),
		cmocka_unit_test(memory_of_ours_begins_at_a_page),
		cmocka_unit_test(what_cuda_refuses_is_said),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
