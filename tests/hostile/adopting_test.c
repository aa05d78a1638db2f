/* SPDX-License-Identifier: MIT */
/* Sockets that cannot be received, and sockets that the daemon is asked to open. */
#include <errno.h>
#include <netinet/tcp.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "tests/harness/receive.h"
#include "tests/hostile/raw.h"
#include "tests/hostile/world.h"

enum {
	KIB = 1024,
	AREA = 512 * KIB,
	TCP_STATE_CLOSE = 7,        /* as tcp_info reports it */
	GONE_MS = WORLD_PATIENCE_MS /* what it would wait for takes an hour */
};

static uint16_t port_of(int sock)
{
	struct sockaddr_in at;
	socklen_t len = sizeof(at);
	assert_int_equal(getsockname(sock, (struct sockaddr *)&at, &len), 0);
	return ntohs(at.sin_port);
}

static void refused(const struct harness_receiver *r, int sock, unsigned flags, uint32_t reason)
{
	struct zcrx_flow *f;
	assert_int_equal(zcrx_flow_adopt(r->q, &f, sock, flags, NULL), reason_error(reason));
	assert_string_equal(zcrx_error(r->z), reason_text(reason));
}

/* ---- adopting ---- */

static void what_is_not_tcp_is_refused(void **state)
{
	(void)state;
	const int kinds[][3] = {
		{AF_INET, SOCK_DGRAM, 0}, {AF_INET6, SOCK_DGRAM, 0},    {AF_UNIX, SOCK_STREAM, 0},
		{AF_UNIX, SOCK_DGRAM, 0}, {AF_UNIX, SOCK_SEQPACKET, 0}, {AF_NETLINK, SOCK_RAW, 0},
	};
	struct harness_receiver r = {0};
	int pipes[2];
	harness_receiver_open(&r, &zcrxd, AREA, NULL);
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		int sock = socket(kinds[i][0], kinds[i][1] | SOCK_CLOEXEC, kinds[i][2]);
		if (sock < 0 && errno == EAFNOSUPPORT)
			continue;
		assert_true(sock >= 0);
		refused(&r, sock, 0, REASON_SOCKET_KIND);
		refused(&r, sock, ZCRX_FLOW_LISTEN, REASON_SOCKET_KIND);
		close(sock);
	}
	assert_int_equal(pipe(pipes), 0);
	refused(&r, pipes[0], 0, REASON_FD_KIND);
	close(pipes[0]);
	close(pipes[1]);
	harness_receiver_close(&r);
}

static void closed_wait(int sock)
{
	struct tcp_info info = {0};
	do {
		socklen_t len = sizeof(info);
		assert_int_equal(getsockopt(sock, IPPROTO_TCP, TCP_INFO, &info, &len), 0);
		usleep(1000);
	} while (info.tcpi_state != TCP_STATE_CLOSE);
}

static void what_is_in_the_wrong_state_is_refused(void **state)
{
	(void)state;
	struct harness_receiver r = {0};
	struct sockaddr_in at;
	int pair[2];
	harness_receiver_open(&r, &zcrxd, AREA, NULL);
	int fresh = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), listener = harness_listen(&at);
	refused(&r, fresh, 0, REASON_SOCKET_STATE);
	refused(&r, fresh, ZCRX_FLOW_LISTEN, REASON_SOCKET_STATE);
	refused(&r, listener, 0, REASON_SOCKET_STATE);

	harness_pair(pair);
	refused(&r, pair[1], ZCRX_FLOW_LISTEN, REASON_SOCKET_STATE);
	close(pair[0]);
	shutdown(pair[1], SHUT_WR);
	closed_wait(pair[1]);
	refused(&r, pair[1], 0, REASON_SOCKET_STATE);
	close(pair[1]);

	harness_pair(pair);
	harness_reset_on_close(pair[0]);
	close(pair[0]);
	closed_wait(pair[1]);
	refused(&r, pair[1], 0, REASON_SOCKET_STATE);
	close(pair[1]);
	close(fresh);
	close(listener);
	harness_receiver_close(&r);
}

static void a_socket_is_adopted_once(void **state)
{
	(void)state;
	struct harness_stream s = {.seed = 1};
	struct harness_receiver r = {.streams = &s, .count = 1};
	struct zcrx_area *area;
	struct zcrx_queue *other;
	struct zcrx_flow *f, *listening;
	struct sockaddr_in at;
	int pair[2], listener = harness_listen(&at);
	harness_pair(pair);
	harness_receiver_open(&r, &zcrxd, AREA, NULL);
	assert_int_equal(zcrx_area_new(r.z, &area, AREA, 0), 0);
	assert_int_equal(zcrx_queue_open(r.z, &other, area, NULL), 0);
	harness_receiver_adopt(&r, &s, pair[1]);
	int copy = dup(pair[1]);
	refused(&r, pair[1], 0, REASON_SOCKET_TAKEN);
	refused(&r, copy, 0, REASON_SOCKET_TAKEN);
	close(copy);
	assert_int_equal(zcrx_flow_adopt(other, &f, pair[1], 0, NULL),
			 reason_error(REASON_SOCKET_TAKEN));
	assert_int_equal(zcrx_flow_adopt(other, &listening, listener, ZCRX_FLOW_LISTEN, NULL), 0);
	refused(&r, listener, ZCRX_FLOW_LISTEN, REASON_SOCKET_TAKEN);
	zcrx_queue_close(other);

	struct harness_sender *sender = harness_send(pair[0], s.seed, 300 * KIB, HARNESS_FIN);
	harness_receive(&r);
	assert_int_equal(harness_send_wait(sender), 0);
	assert_int_equal(s.bytes, 300 * KIB);
	close(pair[1]);
	close(listener);
	harness_receiver_close(&r);
}

static void a_flow_closed_may_be_adopted_again_and_loses_nothing(void **state)
{
	(void)state;
	struct harness_stream s = {.seed = 1};
	struct harness_receiver r = {.streams = &s, .count = 1};
	int pair[2], error = 0;
	harness_pair(pair);
	harness_receiver_open(&r, &zcrxd, AREA, NULL);
	for (int i = 0; i < 20; i++) {
		harness_receiver_adopt(&r, &s, pair[1]);
		zcrx_flow_close(s.flow, 0);
		WORLD_UNTIL((error = zcrx_flow_adopt(r.q, &s.flow, pair[1], 0, &s)) != -EALREADY);
		assert_int_equal(error, 0);
		zcrx_flow_close(s.flow, 0);
		WORLD_UNTIL((error = zcrx_flow_adopt(r.q, &s.flow, pair[1], 0, &s)) != -EALREADY);
		assert_int_equal(error, 0);
		if (i < 19) {
			zcrx_flow_close(s.flow, 0);
			zcrx_queue_close(r.q); /* waits until the socket is free */
			assert_int_equal(zcrx_queue_open(r.z, &r.q, r.area, NULL), 0);
		}
	}
	struct harness_sender *sender = harness_send(pair[0], s.seed, 300 * KIB, HARNESS_FIN);
	harness_receive(&r);
	assert_int_equal(harness_send_wait(sender), 0);
	assert_int_equal(s.bytes, 300 * KIB);
	close(pair[1]);
	harness_receiver_close(&r);
}

/* As a socket has one whose pump was killed in the middle of a dense stream. */
static void a_low_water_mark_holds_nothing_up(void **state)
{
	(void)state;
	struct harness_stream s = {.seed = 1};
	struct harness_receiver r = {.streams = &s, .count = 1};
	int pair[2], mark = 64 * KIB;
	socklen_t len = sizeof(mark);
	harness_pair(pair);
	assert_int_equal(setsockopt(pair[1], SOL_SOCKET, SO_RCVLOWAT, &mark, sizeof(mark)), 0);
	harness_receiver_open(&r, &zcrxd, AREA, NULL);
	harness_receiver_adopt(&r, &s, pair[1]);
	struct harness_sender *sender = harness_send(pair[0], s.seed, KIB, HARNESS_STAY);
	WORLD_UNTIL((harness_receive_some(&r), s.bytes == KIB));
	assert_int_equal(harness_send_wait(sender), 0);
	zcrx_flow_close(s.flow, 0);
	zcrx_queue_close(r.q);
	assert_int_equal(getsockopt(pair[1], SOL_SOCKET, SO_RCVLOWAT, &mark, &len), 0);
	assert_int_equal(mark, 1);
	assert_int_equal(zcrx_queue_open(r.z, &r.q, r.area, NULL), 0);
	close(pair[0]);
	close(pair[1]);
	harness_receiver_close(&r);
}

/* Nor that of a listener, which its connections inherit: what comes later is little, and comes. */
static void nor_does_that_of_a_listener(void **state)
{
	(void)state;
	struct harness_stream s = {.seed = 1};
	struct harness_receiver r = {.streams = &s, .count = 1};
	struct zcrx_flow *listening;
	struct sockaddr_in at;
	int listener = harness_listen(&at), mark = 64 * KIB;
	assert_int_equal(setsockopt(listener, SOL_SOCKET, SO_RCVLOWAT, &mark, sizeof(mark)), 0);
	harness_receiver_open(&r, &zcrxd, AREA, NULL);
	assert_int_equal(zcrx_flow_adopt(r.q, &listening, listener, ZCRX_FLOW_LISTEN, NULL), 0);
	int peer = harness_connect(&at);
	s.port = port_of(peer);
	WORLD_UNTIL((harness_receive_some(&r), s.flow));
	usleep(50000); /* so that its receive waits */
	struct harness_sender *sender = harness_send(peer, s.seed, 100, HARNESS_STAY);
	WORLD_UNTIL((harness_receive_some(&r), s.bytes == 100));
	assert_int_equal(harness_send_wait(sender), 0);
	zcrx_flow_close(s.flow, 0);
	zcrx_flow_close(listening, 0);
	close(peer);
	close(listener);
	harness_receiver_close(&r);
}

static void mptcp_is_refused(void **state)
{
	(void)state;
	struct harness_receiver r = {0};
	int sock = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, IPPROTO_MPTCP);
	if (sock < 0) {
		print_message("skip: this kernel opens no MPTCP sockets: %s\n", strerror(errno));
		skip();
	}
	harness_receiver_open(&r, &zcrxd, AREA, NULL);
	refused(&r, sock, 0, REASON_SOCKET_PROTOCOL);
	assert_int_equal(listen(sock, 1), 0);
	refused(&r, sock, ZCRX_FLOW_LISTEN, REASON_SOCKET_PROTOCOL);
	close(sock);
	harness_receiver_close(&r);
}

static void ktls_is_refused(void **state)
{
	(void)state;
	struct harness_receiver r = {0};
	int pair[2];
	harness_pair(pair);
	if (setsockopt(pair[1], IPPROTO_TCP, TCP_ULP, "tls", sizeof("tls")) < 0) {
		print_message("skip: this kernel has no kTLS: %s\n", strerror(errno));
		close(pair[0]);
		close(pair[1]);
		skip();
	}
	harness_receiver_open(&r, &zcrxd, AREA, NULL);
	refused(&r, pair[1], 0, REASON_SOCKET_PROTOCOL);
	close(pair[0]);
	close(pair[1]);
	harness_receiver_close(&r);
}

/* ---- opening ---- */

/* An address where nobody listens: bound, so that nobody else gets it. Returns the socket. */
static int vacant(struct sockaddr_in *ret)
{
	socklen_t len = sizeof(*ret);
	int sock = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	*ret = (struct sockaddr_in){.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
	assert_int_equal(bind(sock, (struct sockaddr *)ret, len), 0);
	assert_int_equal(getsockname(sock, (struct sockaddr *)ret, &len), 0);
	return sock;
}

static void fails(const struct harness_receiver *r, bool listens, const struct sockaddr_in *at,
		  unsigned flags, int error, const char *text)
{
	struct zcrx_flow *f;
	const struct sockaddr *sa = (const struct sockaddr *)at;
	int got = listens ? zcrx_flow_listen(r->q, &f, sa, sizeof(*at), flags, NULL)
			  : zcrx_flow_connect(r->q, &f, sa, sizeof(*at), flags, NULL);
	assert_int_equal(got, error);
	assert_string_equal(zcrx_error(r->z), text);
}

static void a_refused_connect_and_a_port_in_use_say_so(void **state)
{
	(void)state;
	struct harness_receiver r = {0};
	struct sockaddr_in nobody, somebody;
	int hold = vacant(&nobody), listener = harness_listen(&somebody);
	harness_receiver_open(&r, &zcrxd, AREA, NULL);
	fails(&r, false, &nobody, 0, -ECONNREFUSED, "Connecting failed: Connection refused.");
	fails(&r, true, &somebody, 0, -EADDRINUSE, "Listening failed: Address already in use.");
	close(hold);
	close(listener);
	harness_receiver_close(&r);
}

static void sockets_of_the_host_are_denied_by_default(void **state)
{
	(void)state;
	struct harness_receiver r = {0};
	struct sockaddr_in at;
	int listener = harness_listen(&at);
	const char *text = reason_text(REASON_HOST_DENIED);
	harness_receiver_open(&r, &zcrxd, AREA, NULL);
	for (int listens = 0; listens < 2; listens++) {
		fails(&r, listens, &at, ZCRX_FLOW_HOST, -EPERM, text);
		fails(&r, listens, &at, ZCRX_FLOW_HOST | ZCRX_FLOW_RECEIVE_ONLY, -EPERM, text);
	}
	close(listener);
	harness_receiver_close(&r);
}

static void the_host_connects_and_receives(void **state)
{
	(void)state;
	for (int receive_only = 0; receive_only < 2; receive_only++) {
		struct harness_stream s = {.seed = 3};
		struct harness_receiver r = {.streams = &s, .count = 1};
		struct sockaddr_in at;
		unsigned flags = ZCRX_FLOW_HOST | (receive_only ? ZCRX_FLOW_RECEIVE_ONLY : 0);
		int listener = harness_listen(&at);
		harness_receiver_open(&r, &zcrxd, AREA, NULL);
		assert_int_equal(zcrx_flow_connect(r.q, &s.flow, (struct sockaddr *)&at, sizeof(at),
						   flags, &s),
				 0);
		int sock = accept(listener, NULL, NULL);
		assert_int_equal(zcrx_flow_socket(s.flow) >= 0, !receive_only);
		if (!receive_only) {
			char text[5];
			assert_int_equal(send(zcrx_flow_socket(s.flow), "hello", 5, 0), 5);
			assert_int_equal(recv(sock, text, 5, MSG_WAITALL), 5);
			assert_memory_equal(text, "hello", 5);
		}
		struct harness_sender *sender = harness_send(sock, 3, 700 * KIB, HARNESS_FIN);
		harness_receive(&r);
		assert_int_equal(harness_send_wait(sender), 0);
		assert_int_equal(s.bytes, 700 * KIB);
		assert_int_equal(s.error, 0);
		close(listener);
		harness_receiver_close(&r);
	}
}

static void the_host_listens_and_receives(void **state)
{
	(void)state;
	for (int receive_only = 0; receive_only < 2; receive_only++) {
		struct harness_stream s[3] = {{.seed = 1}, {.seed = 2}, {.seed = 3}};
		struct harness_sender *senders[3];
		struct harness_receiver r = {.streams = s, .count = 3};
		struct sockaddr_in at = {.sin_family = AF_INET,
					 .sin_addr = {htonl(INADDR_LOOPBACK)}};
		socklen_t len = sizeof(at);
		struct zcrx_flow *f;
		unsigned flags = ZCRX_FLOW_HOST | (receive_only ? ZCRX_FLOW_RECEIVE_ONLY : 0);
		harness_receiver_open(&r, &zcrxd, AREA, NULL);
		assert_int_equal(zcrx_flow_listen(r.q, &f, (struct sockaddr *)&at, len, flags,
						  NULL),
				 0);
		assert_int_equal(zcrx_flow_local(f, (struct sockaddr *)&at, &len), 0);
		assert_int_equal(zcrx_flow_socket(f) >= 0, !receive_only);
		for (int i = 0; i < 3; i++) {
			int sock = harness_connect(&at);
			s[i].port = port_of(sock);
			senders[i] = harness_send(sock, s[i].seed, 90 * KIB, HARNESS_FIN);
		}
		harness_receive(&r);
		for (int i = 0; i < 3; i++) {
			assert_int_equal(harness_send_wait(senders[i]), 0);
			assert_int_equal(s[i].bytes, 90 * KIB);
		}
		zcrx_flow_close(f, 0);
		harness_receiver_close(&r);
	}
}

static void the_host_says_why_it_could_not(void **state)
{
	(void)state;
	struct harness_receiver r = {0};
	struct sockaddr_in nobody, somebody;
	int hold = vacant(&nobody), listener = harness_listen(&somebody);
	harness_receiver_open(&r, &zcrxd, AREA, NULL);
	for (unsigned more = 0; more <= ZCRX_FLOW_RECEIVE_ONLY; more += ZCRX_FLOW_RECEIVE_ONLY) {
		fails(&r, false, &nobody, ZCRX_FLOW_HOST | more, -ECONNREFUSED,
		      "Nobody listens at that address and port.");
		fails(&r, true, &somebody, ZCRX_FLOW_HOST | more, -EADDRINUSE,
		      "The port is in use; choose another or stop who listens there.");
	}
	nobody.sin_port = 0;
	fails(&r, false, &nobody, ZCRX_FLOW_HOST, -EINVAL, reason_text(REASON_VALUE));
	close(hold);
	close(listener);
	harness_receiver_close(&r);
}

/* Nobody answers a connection to a listener whose backlog is full. */
static void who_leaves_while_the_host_connects_is_gone_at_once(void **state)
{
	(void)state;
	struct sockaddr_in at;
	struct raw r;
	struct raw_queue q;
	int listener = harness_listen(&at), socks[3];
	assert_int_equal(listen(listener, 0), 0);
	for (int i = 0; i < 3; i++) {
		socks[i] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
		(void)connect(socks[i], (struct sockaddr *)&at, sizeof(at));
	}
	raw_connect(&r);
	raw_queue_open(&q, &r, AREA, 0, 0);
	union msg_any m = {
		.flow_host = {
			.hdr = {.size = sizeof(m.flow_host), .type = MSG_FLOW_HOST, .serial = 100},
			.queue_id = q.id,
			.remote = {.family = 4, .port = ntohs(at.sin_port), .ip = {127, 0, 0, 1}},
		}};
	raw_send(&r, &m, sizeof(m.flow_host), NULL, 0);
	usleep(50000);
	world_is_well();
	uint64_t since = harness_now_ms();
	raw_close(&r);
	WORLD_UNTIL(world_clients() == 1);
	assert_true(harness_now_ms() - since < GONE_MS);
	raw_queue_drop(&q);
	for (int i = 0; i < 3; i++)
		close(socks[i]);
	close(listener);
}

static int setup_host(void **state)
{
	(void)state;
	world_start("[class default]\nhost-flows=yes\n");
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		WORLD_CASE(what_is_not_tcp_is_refused),
		WORLD_CASE(what_is_in_the_wrong_state_is_refused),
		WORLD_CASE(a_socket_is_adopted_once),
		WORLD_CASE(a_flow_closed_may_be_adopted_again_and_loses_nothing),
		WORLD_CASE(a_low_water_mark_holds_nothing_up),
		WORLD_CASE(nor_does_that_of_a_listener),
		WORLD_CASE(mptcp_is_refused),
		WORLD_CASE(ktls_is_refused),
		WORLD_CASE(a_refused_connect_and_a_port_in_use_say_so),
		WORLD_CASE(sockets_of_the_host_are_denied_by_default),
	};
	const struct CMUnitTest host_tests[] = {
		WORLD_CASE(the_host_connects_and_receives),
		WORLD_CASE(the_host_listens_and_receives),
		WORLD_CASE(the_host_says_why_it_could_not),
		WORLD_CASE(who_leaves_while_the_host_connects_is_gone_at_once),
	};
	int failed = cmocka_run_group_tests(tests, world_setup, world_teardown);
	return failed + cmocka_run_group_tests(host_tests, setup_host, world_teardown);
}
