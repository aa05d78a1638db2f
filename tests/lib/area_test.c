/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

#include "proto/reason.h"
#include "tests/lib/fake.h"

static struct fake fake;
static struct zcrx *z;

static int setup(void **state)
{
	(void)state;
	fake_start(&fake);
	return zcrx_connect(&z, fake.path);
}

static int teardown(void **state)
{
	(void)state;
	zcrx_close(z);
	fake_stop(&fake);
	return 0;
}

static void quota(const union msg_any *request, struct fake_reply *reply, void *data)
{
	(void)request;
	(void)data;
	reply->m.fail = (struct msg_fail){.hdr = reply->m.hdr, .reason = REASON_QUOTA};
	reply->m.hdr.size = sizeof(reply->m.fail);
	reply->m.hdr.error = -EDQUOT;
}

static void a_new_area_is_whole_pages_of_zeroes(void **state)
{
	(void)state;
	struct zcrx_area *a;
	size_t page = (size_t)sysconf(_SC_PAGESIZE);
	unsigned char present[3];
	assert_int_equal(zcrx_area_new(z, &a, 2 * page + 1, 0), 0);
	assert_int_equal(zcrx_area_bytes(a), 3 * page);
	const char *data = zcrx_area_data(a);
	assert_int_equal(mincore(zcrx_area_data(a), 3 * page, present), 0);
	for (int i = 0; i < 3; i++)
		assert_true(present[i] & 1);
	for (size_t i = 0; i < 3 * page; i++)
		assert_int_equal(data[i], 0);
	union msg_any m = fake_last_request(&fake);
	assert_int_equal(m.hdr.type, MSG_AREA_ADD);
	assert_int_equal(m.area_add.kind, MSG_AREA_MEMFD);
	assert_int_equal(m.area_add.length, 3 * page);
	assert_int_equal(zcrx_area_free(a), 0);
	assert_int_equal(fake_requests(&fake, MSG_AREA_DEL), 1);
}

/* The process that first touches a page pays for it, and that must not be the daemon. */
static void the_memory_is_there_before_the_daemon_sees_it(void **state)
{
	(void)state;
	struct zcrx_area *a;
	const size_t bytes = 1 << 20;
	assert_int_equal(zcrx_area_new(z, &a, bytes, 0), 0);
	assert_int_equal(fake.filled, bytes);
	int fd = memfd_create("test", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	assert_int_equal(ftruncate(fd, (off_t)bytes), 0);
	assert_int_equal(zcrx_area_import(z, &a, fd, bytes), 0);
	assert_int_equal(fake.filled, bytes);
	close(fd);
}

static void what_is_beyond_the_limit_is_not_filled_to_be_refused(void **state)
{
	(void)state;
	struct zcrx_area *a;
	fake.change = quota;
	assert_int_equal(zcrx_area_new(z, &a, (1 << 30) + 4096, 0), -EDQUOT);
	assert_int_equal(fake.filled, 0);
	assert_int_equal(fake_requests(&fake, MSG_AREA_ADD), 1);
}

static void an_impossible_length_is_refused_here(void **state)
{
	(void)state;
	struct zcrx_area *a;
	assert_int_equal(zcrx_area_new(z, &a, 0, 0), -EINVAL);
	assert_int_equal(zcrx_area_new(z, &a, SIZE_MAX, 0), -EINVAL);
	assert_int_equal(zcrx_area_new(z, &a, SIZE_MAX / 2, 0), -EINVAL);
	assert_int_equal(zcrx_area_new(z, &a, 4096, 2), -EINVAL);
	assert_int_equal(fake_requests(&fake, MSG_AREA_ADD), 0);
}

static void a_udmabuf_is_read_through_its_memfd(void **state)
{
	(void)state;
	struct zcrx_area *a;
	assert_int_equal(zcrx_area_new(z, &a, 4096, ZCRX_AREA_UDMABUF), 0);
	assert_int_equal(fake_last_request(&fake).area_add.kind, MSG_AREA_UDMABUF);
	assert_non_null(zcrx_area_data(a));
	/* The fake's is no dma-buf: asked it is. */
	assert_int_equal(zcrx_area_sync(a, 1), -ENOTTY);
	assert_int_equal(zcrx_area_free(a), 0);
}

static void too_much_memory_is_an_error_and_no_signal(void **state)
{
	(void)state;
	struct zcrx_area *a;
	assert_int_equal(zcrx_area_new(z, &a, (size_t)1 << 62, 0), -ENOMEM);
	assert_int_equal(fake_requests(&fake, MSG_AREA_DEL), 1);
	assert_non_null(strstr(zcrx_error(z), "cannot be had"));
}

static void an_imported_memfd_shows_the_same_bytes(void **state)
{
	(void)state;
	struct zcrx_area *a;
	int fd = memfd_create("test", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	assert_int_equal(ftruncate(fd, 8192), 0);
	assert_int_equal(fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK), 0);
	assert_int_equal(zcrx_area_import(z, &a, fd, 8192), 0);
	assert_int_equal(pwrite(fd, "here", 4, 4096), 4);
	close(fd);
	assert_memory_equal((char *)zcrx_area_data(a) + 4096, "here", 4);
	assert_int_equal(zcrx_area_sync(a, 1), 0);
	assert_int_equal(zcrx_area_free(a), 0);
}

static void a_memfd_that_cannot_be_mapped_is_given_back(void **state)
{
	(void)state;
	struct zcrx_area *a = NULL;
	int fd = memfd_create("test", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	assert_int_equal(ftruncate(fd, 8192), 0);
	assert_int_equal(fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE), 0);
	assert_int_equal(zcrx_area_import(z, &a, fd, 8192), -EPERM);
	close(fd);
	assert_null(a);
	assert_int_equal(fake_requests(&fake, MSG_AREA_DEL), 1);
	assert_non_null(strstr(zcrx_error(z), "cannot be had"));
}

/* Of a huge page a part cannot be unmapped. */
static void a_part_of_a_huge_page_is_not_mapped(void **state)
{
	(void)state;
	struct zcrx_area *a = NULL;
	int fd = memfd_create("test", MFD_CLOEXEC | MFD_ALLOW_SEALING | MFD_HUGETLB);
	if (fd < 0 || ftruncate(fd, 1 << 30) < 0) {
		print_message("skip: no hugetlbfs here: %s\n", strerror(errno));
		skip();
	}
	assert_int_equal(fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK), 0);
	assert_int_equal(zcrx_area_import(z, &a, fd, 4096), -EINVAL);
	close(fd);
	assert_null(a);
	assert_int_equal(fake_requests(&fake, MSG_AREA_DEL), 1);
	assert_non_null(strstr(zcrx_error(z), "cannot be had"));
}

static void without_a_length_a_memfd_is_imported_whole(void **state)
{
	(void)state;
	struct zcrx_area *a;
	int fd = memfd_create("test", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	assert_int_equal(ftruncate(fd, 12288), 0);
	assert_int_equal(lseek(fd, 5, SEEK_SET), 5);
	assert_int_equal(fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK), 0);
	assert_int_equal(zcrx_area_import(z, &a, fd, 0), 0);
	assert_int_equal(zcrx_area_bytes(a), 12288);
	assert_int_equal(fake_last_request(&fake).area_add.length, 12288);
	assert_int_equal(lseek(fd, 0, SEEK_CUR), 5);
	close(fd);
}

static void what_is_neither_memfd_nor_dma_buf_is_refused_here(void **state)
{
	(void)state;
	struct zcrx_area *a = NULL;
	int pipes[2];
	assert_int_equal(pipe2(pipes, O_CLOEXEC), 0);
	assert_int_equal(zcrx_area_import(z, &a, pipes[0], 4096), -EINVAL);
	assert_null(a);
	assert_non_null(strstr(zcrx_error(z), "neither a memfd nor a dma-buf"));
	assert_int_equal(fake_requests(&fake, MSG_AREA_ADD), 0);
	close(pipes[0]);
	close(pipes[1]);
}

static void a_closed_descriptor_is_refused_here(void **state)
{
	(void)state;
	struct zcrx_area *a;
	assert_int_equal(zcrx_area_import(z, &a, -1, 4096), -EBADF);
	assert_int_equal(fake_requests(&fake, MSG_AREA_ADD), 0);
}

static void an_area_in_use_stays(void **state)
{
	(void)state;
	struct zcrx_area *a;
	struct zcrx_queue *q, *second = NULL;
	assert_int_equal(zcrx_area_new(z, &a, FAKE_AREA_BYTES, 0), 0);
	assert_int_equal(zcrx_queue_open(z, &q, a, NULL), 0);
	assert_int_equal(zcrx_area_free(a), -EBUSY);
	assert_int_equal(zcrx_queue_open(z, &second, a, NULL), -EBUSY);
	assert_null(second);
	zcrx_queue_close(q);
	assert_int_equal(zcrx_area_free(a), 0);
	assert_int_equal(zcrx_area_free(NULL), 0);
}

static void closing_the_connection_frees_areas(void **state)
{
	(void)state;
	struct zcrx_area *a;
	assert_int_equal(zcrx_area_new(z, &a, 1, 0), 0);
	assert_int_equal(zcrx_area_new(z, &a, 1, 0), 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_new_area_is_whole_pages_of_zeroes),
		TEST(the_memory_is_there_before_the_daemon_sees_it),
		TEST(what_is_beyond_the_limit_is_not_filled_to_be_refused),
		TEST(an_impossible_length_is_refused_here),
		TEST(a_udmabuf_is_read_through_its_memfd),
		TEST(too_much_memory_is_an_error_and_no_signal),
		TEST(an_imported_memfd_shows_the_same_bytes),
		TEST(a_memfd_that_cannot_be_mapped_is_given_back),
		TEST(a_part_of_a_huge_page_is_not_mapped),
		TEST(without_a_length_a_memfd_is_imported_whole),
		TEST(what_is_neither_memfd_nor_dma_buf_is_refused_here),
		TEST(a_closed_descriptor_is_refused_here),
		TEST(an_area_in_use_stays),
		TEST(closing_the_connection_frees_areas),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
