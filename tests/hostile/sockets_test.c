/* SPDX-License-Identifier: MIT */
/* Sockets that cannot be adopted. */
#include <errno.h>
#include <fcntl.h>
#include <linux/netlink.h>
#include <linux/tcp.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "tests/hostile/raw.h"
#include "tests/hostile/world.h"

#ifndef IPPROTO_MPTCP
#define IPPROTO_MPTCP 262
#endif

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

static struct raw r;
static struct raw_queue q;

static int open_case(void **state)
{
	(void)state;
	raw_connect(&r);
	raw_queue_open(&q, &r, 1 << 20, 0, 0);
	return 0;
}

static int close_case(void **state)
{
	world_is_well();
	raw_queue_drop(&q);
	raw_close(&r);
	return world_is_empty(state);
}

/* Takes the descriptor over. */
static void refused(int fd, uint32_t flags, uint32_t reason)
{
	union msg_any m = {.flow_adopt = {.queue_id = q.id, .flags = flags}};
	assert_true(fd >= 0);
	raw_refused(&r, MSG_FLOW_ADOPT, m, fd, reason, NULL);
	close(fd);
}

static int loopback(int type, int protocol)
{
	struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
	int sock = socket(AF_INET, type | SOCK_CLOEXEC, protocol);
	assert_true(sock >= 0);
	assert_int_equal(bind(sock, (struct sockaddr *)&at, sizeof(at)), 0);
	return sock;
}

static void what_is_no_socket_is_refused(void **state)
{
	(void)state;
	int ends[2];
	assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
	const int fds[] = {ends[0],
			   ends[1],
			   open("/dev/null", O_RDWR | O_CLOEXEC),
			   open("/tmp", O_RDONLY | O_DIRECTORY | O_CLOEXEC),
			   open("/tmp", O_PATH | O_CLOEXEC),
			   raw_memfd(4096),
			   dup(q.cq_fd),
			   dup(q.rq_fd)};
	for (size_t i = 0; i < COUNT(fds); i++)
		refused(fds[i], i % 2, REASON_FD_KIND);
}

static void sockets_of_other_kinds_are_refused(void **state)
{
	(void)state;
	int udp = loopback(SOCK_DGRAM, 0), pair[2];
	struct sockaddr_in at;
	socklen_t len = sizeof(at);
	getsockname(udp, (struct sockaddr *)&at, &len);
	assert_int_equal(connect(udp, (struct sockaddr *)&at, len), 0);
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
	const int fds[] = {udp,
			   loopback(SOCK_DGRAM, 0),
			   pair[0],
			   pair[1],
			   dup(r.sock),
			   dup(q.channel),
			   socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE),
			   socket(AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, 0)};
	for (size_t i = 0; i < COUNT(fds); i++)
		refused(fds[i], i % 2, REASON_SOCKET_KIND);
}

/* Of families and kinds that this machine need not have, or not let everybody have. */
static void sockets_of_rare_kinds_are_refused(void **state)
{
	(void)state;
	const struct {
		int family, type, protocol;
	} kinds[] = {
		{AF_INET, SOCK_STREAM, IPPROTO_SCTP},
		{AF_INET, SOCK_SEQPACKET, IPPROTO_SCTP},
		{AF_PACKET, SOCK_RAW, 0},
		{AF_PACKET, SOCK_DGRAM, 0},
		{AF_INET, SOCK_RAW, IPPROTO_TCP},
		{AF_INET6, SOCK_RAW, IPPROTO_TCP},
		{AF_VSOCK, SOCK_STREAM, 0},
		{AF_ALG, SOCK_SEQPACKET, 0},
		{AF_INET, SOCK_DGRAM, IPPROTO_UDPLITE},
		{AF_UNIX, SOCK_DGRAM, 0},
		{AF_INET, SOCK_STREAM, 256 /* SMC */},
		{AF_BLUETOOTH, SOCK_STREAM, 3},
		{AF_XDP, SOCK_RAW, 0},
		{AF_KCM, SOCK_SEQPACKET, 0},
		{AF_TIPC, SOCK_STREAM, 0},
	};
	unsigned tried = 0;
	for (size_t i = 0; i < COUNT(kinds); i++) {
		int fd = socket(kinds[i].family, kinds[i].type | SOCK_CLOEXEC, kinds[i].protocol);
		if (fd < 0)
			continue;
		refused(fd, i % 2, REASON_SOCKET_KIND);
		tried++;
	}
	print_message("%u of %zu kinds exist here\n", tried, COUNT(kinds));
}

static int disconnected(void)
{
	int pair[2];
	harness_pair(pair);
	harness_reset_on_close(pair[0]);
	close(pair[0]);
	return pair[1];
}

static int listening(void)
{
	struct sockaddr_in at;
	return harness_listen(&at);
}

static int connected(void)
{
	int pair[2];
	harness_pair(pair);
	close(pair[0]);
	return pair[1];
}

/* The listener's queue is full: the connection cannot come about. */
static int connecting(int *ret_listener)
{
	struct sockaddr_in at;
	*ret_listener = harness_listen(&at);
	assert_int_equal(listen(*ret_listener, 0), 0);
	int first = harness_connect(&at), sock;
	sock = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	assert_int_equal(connect(sock, (struct sockaddr *)&at, sizeof(at)), -1);
	assert_int_equal(errno, EINPROGRESS);
	close(first);
	return sock;
}

static void sockets_in_other_states_are_refused(void **state)
{
	(void)state;
	int listener, aborted = connected();
	struct sockaddr unspec = {.sa_family = AF_UNSPEC};
	assert_int_equal(connect(aborted, &unspec, sizeof(unspec)), 0);
	const int unconnected[] = {socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0),
				   socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0),
				   loopback(SOCK_STREAM, 0),
				   disconnected(),
				   aborted,
				   connecting(&listener)};
	for (size_t i = 0; i < COUNT(unconnected); i++) {
		refused(dup(unconnected[i]), MSG_FLOW_LISTEN, REASON_SOCKET_STATE);
		refused(unconnected[i], 0, REASON_SOCKET_STATE);
	}
	close(listener);
	refused(listening(), 0, REASON_SOCKET_STATE);
	refused(connected(), MSG_FLOW_LISTEN, REASON_SOCKET_STATE);
}

static void multipath_tcp_is_refused(void **state)
{
	(void)state;
	int sock = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, IPPROTO_MPTCP);
	if (sock < 0) {
		print_message("skip: no MPTCP here: %s\n", strerror(errno));
		skip();
	}
	close(sock);
	int listener = loopback(SOCK_STREAM, IPPROTO_MPTCP);
	struct sockaddr_in at;
	socklen_t len = sizeof(at);
	assert_int_equal(listen(listener, 1), 0);
	getsockname(listener, (struct sockaddr *)&at, &len);
	sock = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, IPPROTO_MPTCP);
	assert_int_equal(connect(sock, (struct sockaddr *)&at, len), 0);
	refused(sock, 0, REASON_SOCKET_PROTOCOL);
	refused(listener, MSG_FLOW_LISTEN, REASON_SOCKET_PROTOCOL);
}

static void kernel_tls_is_refused(void **state)
{
	(void)state;
	int pair[2];
	harness_pair(pair);
	if (setsockopt(pair[1], IPPROTO_TCP, TCP_ULP, "tls", sizeof("tls")) < 0) {
		print_message("skip: no kTLS here: %s\n", strerror(errno));
		close(pair[0]);
		close(pair[1]);
		skip();
	}
	refused(pair[1], 0, REASON_SOCKET_PROTOCOL);
	close(pair[0]);
}

static void flags_and_queues_that_do_not_exist_are_refused(void **state)
{
	(void)state;
	for (uint32_t bit = 1; bit < 32; bit++)
		refused(connected(), 1u << bit, REASON_UNKNOWN_FLAG);
	const uint32_t queues[] = {0, q.id + 1, q.area_id, UINT32_MAX};
	for (size_t i = 0; i < COUNT(queues); i++) {
		union msg_any m = {.flow_adopt = {.queue_id = queues[i]}};
		int sock = connected();
		raw_refused(&r, MSG_FLOW_ADOPT, m, sock, REASON_NO_OBJECT, NULL);
		close(sock);
	}
}

static void a_socket_is_adopted_once(void **state)
{
	(void)state;
	struct sockaddr_in at;
	int listener = harness_listen(&at), fds[MSG_FDS_MAX];
	union msg_any m;
	raw_adopt(&q, listener, MSG_FLOW_LISTEN);
	refused(dup(listener), MSG_FLOW_LISTEN, REASON_SOCKET_TAKEN);
	int peer = harness_connect(&at);
	raw_event(&q, &m, fds);
	assert_int_equal(m.hdr.type, MSG_FLOW_OPENED);
	refused(fds[0], 0, REASON_SOCKET_TAKEN);

	uint32_t flow = raw_adopt(&q, peer, 0);
	refused(dup(peer), 0, REASON_SOCKET_TAKEN);
	assert_int_equal(raw_flow_close(&r, flow, 0), 0);
	/* The daemon lets go of it shortly after. */
	union msg_any adopt = {.flow_adopt = {.queue_id = q.id}};
	do {
		m = adopt;
		raw_request(&r, MSG_FLOW_ADOPT, &m, peer, NULL);
	} while (m.hdr.error == -EALREADY);
	assert_int_equal(m.hdr.error, 0);
	close(peer);
	close(listener);
}

static void flows_that_do_not_exist_are_refused(void **state)
{
	(void)state;
	int pair[2];
	harness_pair(pair);
	uint32_t flow = raw_adopt(&q, pair[1], 0);
	const uint32_t ids[] = {0, 1, flow + 1, flow ^ 0x10000, flow ^ 0x8000, 0xffff, UINT32_MAX};
	for (size_t i = 0; i < COUNT(ids); i++) {
		union msg_any m = {.flow_pause = {.flow_id = ids[i]}};
		raw_refused(&r, MSG_FLOW_PAUSE, m, -1, REASON_NO_OBJECT, NULL);
		m = (union msg_any){.flow_close = {.flow_id = ids[i]}};
		raw_refused(&r, MSG_FLOW_CLOSE, m, -1, REASON_NO_OBJECT, NULL);
	}
	for (uint32_t bit = 1; bit < 32; bit++) {
		union msg_any m = {.flow_close = {.flow_id = flow, .flags = 1u << bit}};
		raw_refused(&r, MSG_FLOW_CLOSE, m, -1, REASON_UNKNOWN_FLAG, NULL);
		m = (union msg_any){.flow_pause = {.flow_id = flow, .on = 1u << bit}};
		raw_refused(&r, MSG_FLOW_PAUSE, m, -1, REASON_VALUE, NULL);
	}
	harness_send_wait(harness_send(pair[0], 1, 5000, HARNESS_STAY));
	raw_stream(&q, flow, 1, 0, 5000);
	assert_int_equal(raw_flow_close(&r, flow, 0), 0);
	union msg_any m = {.flow_close = {.flow_id = flow}};
	raw_refused(&r, MSG_FLOW_CLOSE, m, -1, REASON_NO_OBJECT, NULL);
	close(pair[0]);
	close(pair[1]);
}

/* Closes halves of a connection in every way, adopts it, and sees the stream and its end. */
static void closed_halves_can_be_adopted(void **state)
{
	(void)state;
	for (int ways = 0; ways < 8; ways++) {
		int pair[2];
		bool fin = ways & 1, mute = ways & 2, deaf = ways & 4;
		harness_pair(pair);
		harness_send_wait(harness_send(pair[0], 7, 5000, HARNESS_STAY));
		if (fin)
			shutdown(pair[0], SHUT_WR);
		if (mute)
			shutdown(pair[1], SHUT_WR);
		if (deaf)
			shutdown(pair[1], SHUT_RD);
		usleep(2000);
		/* Of the connection nothing need be left but what came by it. */
		uint32_t flow = raw_adopt(&q, pair[1], 0);
		raw_stream(&q, flow, 7, 0, 5000);
		if (!fin && !deaf)
			shutdown(pair[0], SHUT_WR);
		assert_int_equal(raw_closed(&q, flow), deaf && !fin ? -ESHUTDOWN : 0);
		if (fin && mute)
			refused(pair[1], 0, REASON_SOCKET_STATE);
		close(pair[1]);
		close(pair[0]);
	}
}

static void what_came_before_a_reset_can_be_adopted(void **state)
{
	(void)state;
	int pair[2];
	harness_pair(pair);
	harness_send_wait(harness_send(pair[0], 7, 5000, HARNESS_STAY));
	harness_reset_on_close(pair[0]);
	close(pair[0]);
	usleep(2000);
	uint32_t flow = raw_adopt(&q, pair[1], 0);
	raw_stream(&q, flow, 7, 0, 5000);
	assert_int_equal(raw_closed(&q, flow), -ECONNRESET);
	refused(pair[1], 0, REASON_SOCKET_STATE);
	close(pair[1]);
}

static void flow_pause(uint32_t flow, bool on)
{
	union msg_any m = {.flow_pause = {.flow_id = flow, .on = on}};
	assert_int_equal(raw_request(&r, MSG_FLOW_PAUSE, &m, -1, NULL), 0);
}

/* Whoever takes the error of a reset first leaves the stream's receiver an end without error. */
static void a_reset_whose_error_was_taken_is_no_end(void **state)
{
	(void)state;
	const uint32_t lengths[] = {0, 5000};
	for (size_t i = 0; i < COUNT(lengths); i++) {
		int pair[2], error = 0;
		socklen_t len = sizeof(error);
		harness_pair(pair);
		uint32_t flow = raw_adopt(&q, pair[1], 0);
		harness_send_wait(harness_send(pair[0], 7, lengths[i], HARNESS_STAY));
		raw_stream(&q, flow, 7, 0, lengths[i]);
		flow_pause(flow, true);
		harness_reset_on_close(pair[0]);
		close(pair[0]);
		while (getsockopt(pair[1], SOL_SOCKET, SO_ERROR, &error, &len) == 0 && error == 0)
			usleep(1000);
		assert_int_equal(error, ECONNRESET);
		flow_pause(flow, false);
		assert_int_equal(raw_closed(&q, flow), -ECONNRESET);
		close(pair[1]);
	}
}

/* Both sides have sent FIN before the receiver sees that of the peer. */
static void a_connection_closed_by_both_is_at_its_end(void **state)
{
	(void)state;
	const uint32_t lengths[] = {0, 5000};
	for (size_t i = 0; i < COUNT(lengths); i++) {
		int pair[2];
		struct tcp_info info = {0};
		socklen_t len = sizeof(info);
		harness_pair(pair);
		uint32_t flow = raw_adopt(&q, pair[1], 0);
		harness_send_wait(harness_send(pair[0], 7, lengths[i], HARNESS_STAY));
		raw_stream(&q, flow, 7, 0, lengths[i]);
		flow_pause(flow, true);
		shutdown(pair[0], SHUT_WR);
		shutdown(pair[1], SHUT_WR);
		while (info.tcpi_state != 7 /* TCP_CLOSE */) {
			usleep(1000);
			assert_int_equal(getsockopt(pair[1], IPPROTO_TCP, TCP_INFO, &info, &len),
					 0);
		}
		flow_pause(flow, false);
		assert_int_equal(raw_closed(&q, flow), 0);
		close(pair[0]);
		close(pair[1]);
	}
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, open_case, close_case)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(what_is_no_socket_is_refused),
		CASE(sockets_of_other_kinds_are_refused),
		CASE(sockets_of_rare_kinds_are_refused),
		CASE(sockets_in_other_states_are_refused),
		CASE(multipath_tcp_is_refused),
		CASE(kernel_tls_is_refused),
		CASE(flags_and_queues_that_do_not_exist_are_refused),
		CASE(a_socket_is_adopted_once),
		CASE(flows_that_do_not_exist_are_refused),
		CASE(closed_halves_can_be_adopted),
		CASE(what_came_before_a_reset_can_be_adopted),
		CASE(a_reset_whose_error_was_taken_is_no_end),
		CASE(a_connection_closed_by_both_is_at_its_end),
	};
	return cmocka_run_group_tests(tests, world_setup, world_teardown);
}
