/* SPDX-License-Identifier: MIT */
/* Sockets that make whoever touches them wait: only the queue's own thread in the pump does. */
#include <errno.h>
#include <fcntl.h>
#include <linux/userfaultfd.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cmocka.h>

#include "tests/hostile/raw.h"
#include "tests/hostile/world.h"

enum {
	KIB = 1024,
	AREA = 1024 * KIB,
	STREAM = 128 * KIB,
	GONE_MS = WORLD_PATIENCE_MS /* what it would wait for takes an hour */
};

/* A pair whose second end waits an hour at its last close for what the first does not read. */
static void lingering_pair(int pair[2])
{
	static const char data[64 * KIB];
	struct linger hour = {.l_onoff = 1, .l_linger = 3600};
	harness_pair(pair);
	assert_int_equal(setsockopt(pair[1], SOL_SOCKET, SO_LINGER, &hour, sizeof(hour)), 0);
	while (send(pair[1], data, sizeof(data), MSG_DONTWAIT | MSG_NOSIGNAL) > 0)
		;
	assert_int_equal(errno, EAGAIN);
}

static void gone_soon(void)
{
	uint64_t since = harness_now_ms();
	WORLD_UNTIL(world_clients() == 1);
	assert_in_range(harness_now_ms() - since, 0, GONE_MS);
	world_is_well();
}

static void whoever_leaves_a_lingering_socket_is_gone_at_once(void **state)
{
	(void)state;
	struct raw r;
	struct raw_queue q;
	int pair[2];
	raw_connect(&r);
	raw_queue_open(&q, &r, AREA, 0, 0);
	lingering_pair(pair);
	raw_adopt(&q, pair[1], 0);
	close(pair[1]);
	raw_close(&r);
	gone_soon();
	raw_queue_drop(&q);
	close(pair[0]);
}

static void a_lingering_socket_that_is_refused_holds_nobody_up(void **state)
{
	(void)state;
	struct raw r;
	int pair[2];
	lingering_pair(pair);
	raw_connect(&r);
	union msg_any m = {.flow_adopt = {
				   .hdr = {.size = sizeof(m.flow_adopt),
					   .type = MSG_FLOW_ADOPT,
					   .nfds = 1,
					   .serial = 9},
				   .queue_id = 99,
			   }};
	raw_send(&r, &m, sizeof(m.flow_adopt), &pair[1], 1);
	close(pair[1]);
	raw_close(&r);
	gone_soon();
	close(pair[0]);
}

struct stalled {
	int sock;
	void *page;
};

static void *send_page(void *arg)
{
	const struct stalled *s = arg;
	send(s->sock, s->page, 4096, MSG_NOSIGNAL);
	return NULL;
}

static int faults_of(void *page)
{
	int fd = (int)syscall(SYS_userfaultfd, O_CLOEXEC);
	struct uffdio_api api = {.api = UFFD_API};
	struct uffdio_register range = {.range = {.start = (uintptr_t)page, .len = 4096},
					.mode = UFFDIO_REGISTER_MODE_MISSING};
	if (fd < 0 || ioctl(fd, UFFDIO_API, &api) < 0 || ioctl(fd, UFFDIO_REGISTER, &range) < 0) {
		print_message("skip: userfaultfd is refused here: %s\n", strerror(errno));
		skip();
	}
	return fd;
}

static void a_send_stuck_in_a_page_fault_holds_up_its_own_client_only(void **state)
{
	(void)state;
	struct raw r;
	struct raw_queue q;
	pthread_t thread;
	struct uffd_msg fault;
	int pair[2];
	void *page = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	int fd = faults_of(page);
	harness_pair(pair);
	raw_connect(&r);
	raw_queue_open(&q, &r, AREA, 0, 0);
	raw_adopt(&q, pair[1], 0);
	struct stalled s = {pair[1], page};
	assert_int_equal(pthread_create(&thread, NULL, send_page, &s), 0);
	assert_int_equal(read(fd, &fault, sizeof(fault)), sizeof(fault));
	for (int i = 0; i < 5; i++) {
		assert_int_equal(send(pair[0], "data", 4, MSG_NOSIGNAL), 4);
		world_is_well();
		/* The status tells of the client whose thread is stuck. */
		assert_int_equal(world_clients(), 2);
		assert_int_equal(world_queues(), 2);
	}
	raw_close(&r);
	usleep(50000);
	world_is_well();
	struct uffdio_zeropage zero = {.range = {.start = (uintptr_t)page, .len = 4096}};
	assert_int_equal(ioctl(fd, UFFDIO_ZEROPAGE, &zero), 0);
	pthread_join(thread, NULL);
	gone_soon();
	raw_queue_drop(&q);
	close(fd);
	close(pair[0]);
	close(pair[1]);
	munmap(page, 4096);
}

/* Sends and receives on the queue, and adopts and closes a flow there. */
static void goes_on(struct raw_queue *q, uint64_t seed)
{
	int pair[2];
	harness_pair(pair);
	uint32_t flow = raw_adopt(q, pair[1], 0);
	struct harness_sender *s = harness_send(pair[0], seed, STREAM, HARNESS_FIN);
	raw_stream(q, flow, seed, 0, STREAM);
	assert_int_equal(harness_send_wait(s), 0);
	assert_int_equal(raw_closed(q, flow), 0);
	assert_int_equal(raw_flow_close(q->r, flow, 0), 0);
	close(pair[1]);
}

static void a_queue_that_is_stuck_holds_up_no_other_of_its_client(void **state)
{
	(void)state;
	struct raw r;
	struct raw_queue q, other;
	pthread_t thread;
	struct uffd_msg fault;
	int pair[2];
	void *page = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	int fd = faults_of(page);
	harness_pair(pair);
	raw_connect(&r);
	raw_queue_open(&q, &r, AREA, 0, 0);
	raw_queue_open(&other, &r, AREA, 0, 0);
	raw_adopt(&q, pair[1], 0);
	struct stalled s = {pair[1], page};
	assert_int_equal(pthread_create(&thread, NULL, send_page, &s), 0);
	assert_int_equal(read(fd, &fault, sizeof(fault)), sizeof(fault));
	for (uint64_t i = 0; i < 5; i++) {
		assert_int_equal(send(pair[0], "data", 4, MSG_NOSIGNAL), 4);
		raw_kick(&q);
		goes_on(&other, i);
		world_is_well();
	}
	struct uffdio_zeropage zero = {.range = {.start = (uintptr_t)page, .len = 4096}};
	assert_int_equal(ioctl(fd, UFFDIO_ZEROPAGE, &zero), 0);
	pthread_join(thread, NULL);
	raw_close(&r);
	gone_soon();
	raw_queue_drop(&q);
	raw_queue_drop(&other);
	close(fd);
	close(pair[0]);
	close(pair[1]);
	munmap(page, 4096);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		WORLD_CASE(whoever_leaves_a_lingering_socket_is_gone_at_once),
		WORLD_CASE(a_lingering_socket_that_is_refused_holds_nobody_up),
		WORLD_CASE(a_send_stuck_in_a_page_fault_holds_up_its_own_client_only),
		WORLD_CASE(a_queue_that_is_stuck_holds_up_no_other_of_its_client),
	};
	return cmocka_run_group_tests(tests, world_setup, world_teardown);
}
