/* SPDX-License-Identifier: MIT */
/* Datagrams and their descriptors: what does not fit leaves nothing behind. */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "proto/wire.h"
#include "tests/harness/fds.h"

struct pair {
	int sock[2];
	int open_before;
};

static int setup(void **state)
{
	static struct pair pair;
	pair.open_before = fds_open();
	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair.sock), 0);
	*state = &pair;
	return 0;
}

static int teardown(void **state)
{
	struct pair *p = *state;
	wire_close(p->sock, 2);
	assert_int_equal(fds_open(), p->open_before);
	return 0;
}

/* Sends bytes with n copies of one descriptor. */
static void send_raw(int sock, const void *data, size_t bytes, int fd, size_t n)
{
	int fds[FDS_MAX] = {0};
	for (size_t i = 0; i < n; i++)
		fds[i] = fd;
	assert_int_equal(fds_send(sock, data, bytes, fds, n, 0), 0);
}

static int receive(struct pair *p, union msg_any *m, int fds[MSG_FDS_MAX], uint32_t *nfds)
{
	memset(m, 0xaa, sizeof(*m));
	*nfds = 0;
	return wire_recv(p->sock[1], m, fds, nfds, MSG_DONTWAIT);
}

static void carries_a_message_with_its_descriptors(void **state)
{
	struct pair *p = *state;
	union msg_any m = {.hdr = {.size = 64, .type = 9, .serial = 1}}, got;
	m.words[7] = 0x1122334455667788;
	for (uint16_t n = 0; n <= MSG_FDS_MAX; n++) {
		int sent[MSG_FDS_MAX] = {p->sock[0], p->sock[1], 0, 1}, fds[MSG_FDS_MAX];
		uint32_t nfds;
		m.hdr.nfds = n;
		assert_int_equal(wire_send(p->sock[0], &m.hdr, sent, 0), 0);
		assert_int_equal(receive(p, &got, fds, &nfds), 64);
		assert_int_equal(nfds, n);
		assert_memory_equal(&got, &m, sizeof(m)); /* zero behind the end */
		for (uint32_t i = 0; i < nfds; i++)
			assert_true(fcntl(fds[i], F_GETFD) & FD_CLOEXEC);
		wire_close(fds, nfds);
		for (uint32_t i = 0; i < nfds; i++)
			assert_int_equal(fds[i], -1);
	}
}

static void every_length_up_to_the_largest_arrives(void **state)
{
	struct pair *p = *state;
	static const char data[MSG_BYTES_MAX];
	union msg_any m;
	int fds[MSG_FDS_MAX];
	uint32_t nfds;
	for (size_t len = 1; len <= MSG_BYTES_MAX; len++) {
		send_raw(p->sock[0], data, len, -1, 0);
		assert_int_equal(receive(p, &m, fds, &nfds), len);
		assert_int_equal(m.words[MSG_BYTES_MAX / 8 - 1], 0);
	}
}

static void a_longer_datagram_is_refused_with_its_descriptors(void **state)
{
	struct pair *p = *state;
	static const char data[2 * MSG_BYTES_MAX];
	union msg_any m;
	int fds[MSG_FDS_MAX];
	uint32_t nfds;
	for (size_t over = 1; over <= MSG_BYTES_MAX; over *= 2) {
		int before = fds_open();
		send_raw(p->sock[0], data, MSG_BYTES_MAX + over, 0, MSG_FDS_MAX);
		assert_int_equal(receive(p, &m, fds, &nfds), -EMSGSIZE);
		assert_int_equal(nfds, 0);
		assert_int_equal(fds_open(), before);
	}
	send_raw(p->sock[0], data, 16, -1, 0);
	assert_int_equal(receive(p, &m, fds, &nfds), 16);
}

static void more_than_four_descriptors_are_refused_and_closed(void **state)
{
	struct pair *p = *state;
	const size_t counts[] = {5, 6, 7, 8, 100, FDS_MAX};
	union msg_any m;
	int fds[MSG_FDS_MAX];
	uint32_t nfds;
	for (size_t i = 0; i < sizeof(counts) / sizeof(counts[0]); i++) {
		int before = fds_open();
		send_raw(p->sock[0], "12345678", 8, 0, counts[i]);
		assert_int_equal(receive(p, &m, fds, &nfds), -EMSGSIZE);
		assert_int_equal(nfds, 0);
		assert_int_equal(fds_open(), before);
	}
}

/* The message is there; what came with it is not, and nothing of it stays open. */
static void who_may_have_no_more_descriptors_gets_the_message(void **state)
{
	struct pair *p = *state;
	union msg_any sent = {.hdr = {.size = 16, .type = 2, .serial = 77}}, m;
	struct rlimit limit, low;
	int fds[MSG_FDS_MAX];
	uint32_t nfds;
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &limit), 0);
	for (uint32_t room = 0; room < MSG_FDS_MAX; room++) {
		int before = fds_open(), next = fcntl(0, F_DUPFD, 0);
		close(next);
		low = (struct rlimit){(rlim_t)next + room, limit.rlim_max};
		send_raw(p->sock[0], &sent, 16, 0, room + 1);
		assert_int_equal(setrlimit(RLIMIT_NOFILE, &low), 0);
		int n = receive(p, &m, fds, &nfds);
		assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
		assert_int_equal(n, -EMFILE);
		assert_int_equal(nfds, 0);
		assert_int_equal(m.hdr.serial, 77);
		assert_int_equal(fds_open(), before);
	}
}

static void the_end_brings_no_descriptors(void **state)
{
	struct pair *p = *state;
	union msg_any m;
	int fds[MSG_FDS_MAX], before = fds_open();
	uint32_t nfds;
	send_raw(p->sock[0], "", 0, 0, 2);
	assert_int_equal(receive(p, &m, fds, &nfds), 0);
	assert_int_equal(nfds, 0);
	assert_int_equal(fds_open(), before);
	shutdown(p->sock[0], SHUT_WR);
	assert_int_equal(receive(p, &m, fds, &nfds), 0);
}

static void what_was_sent_comes_before_a_reset(void **state)
{
	struct pair *p = *state;
	union msg_any m;
	int fds[MSG_FDS_MAX];
	uint32_t nfds;
	send_raw(p->sock[0], "unread", 6, -1, 0);
	send_raw(p->sock[1], "last", 4, -1, 0);
	wire_close(&p->sock[1], 1);
	assert_int_equal(wire_recv(p->sock[0], &m, fds, &nfds, MSG_DONTWAIT), 4);
	assert_memory_equal(&m, "last", 4);
	assert_int_equal(wire_recv(p->sock[0], &m, fds, &nfds, MSG_DONTWAIT), 0);
}

static void says_when_there_is_nothing_or_no_room(void **state)
{
	struct pair *p = *state;
	union msg_any m = {.hdr = {.size = MSG_BYTES_MAX}};
	int fds[MSG_FDS_MAX], r = 0, sent = 0;
	uint32_t nfds;
	assert_int_equal(receive(p, &m, fds, &nfds), -EAGAIN);
	m.hdr = (struct msg_hdr){.size = MSG_BYTES_MAX};
	while (r == 0 && sent < 10000) {
		r = wire_send(p->sock[0], &m.hdr, NULL, MSG_DONTWAIT);
		sent++;
	}
	assert_int_equal(r, -EAGAIN);
}

static void sending_to_nobody_is_an_error_and_no_signal(void **state)
{
	struct pair *p = *state;
	struct msg_hdr m = {.size = sizeof(m)};
	wire_close(&p->sock[1], 1);
	assert_int_equal(wire_send(p->sock[0], &m, NULL, 0), -EPIPE);
	m.nfds = 1;
	assert_int_equal(wire_send(p->sock[0], &m, (int[]){-1}, 0), -EBADF);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(carries_a_message_with_its_descriptors, setup,
						teardown),
		cmocka_unit_test_setup_teardown(every_length_up_to_the_largest_arrives, setup,
						teardown),
		cmocka_unit_test_setup_teardown(a_longer_datagram_is_refused_with_its_descriptors,
						setup, teardown),
		cmocka_unit_test_setup_teardown(more_than_four_descriptors_are_refused_and_closed,
						setup, teardown),
		cmocka_unit_test_setup_teardown(who_may_have_no_more_descriptors_gets_the_message,
						setup, teardown),
		cmocka_unit_test_setup_teardown(the_end_brings_no_descriptors, setup, teardown),
		cmocka_unit_test_setup_teardown(what_was_sent_comes_before_a_reset, setup,
						teardown),
		cmocka_unit_test_setup_teardown(says_when_there_is_nothing_or_no_room, setup,
						teardown),
		cmocka_unit_test_setup_teardown(sending_to_nobody_is_an_error_and_no_signal, setup,
						teardown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
