/* SPDX-License-Identifier: MIT */
/* The library and the real daemon: whole streams over loopback. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "proto/msg.h"
#include "tests/harness/receive.h"

#define MIB  (1ull << 20)
#define AREA (4 * MIB)

#define ANNOUNCED 8 /* connections have room in a channel that nobody reads */

static struct harness_daemon zcrxd;

static int setup(void **state)
{
	(void)state;
	harness_daemon_start(&zcrxd, NULL);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	harness_daemon_stop(&zcrxd);
	return 0;
}

/* A pair whose one end is adopted for the stream; returns the end to send on. */
static int adopt_pair(struct harness_receiver *r, struct harness_stream *s)
{
	int pair[2];
	harness_pair(pair);
	harness_receiver_adopt(r, s, pair[1]);
	close(pair[1]);
	return pair[0];
}

static uint16_t port_of(int sock)
{
	struct sockaddr_in at = {0};
	socklen_t len = sizeof(at);
	assert_int_equal(getsockname(sock, (struct sockaddr *)&at, &len), 0);
	return ntohs(at.sin_port);
}

static void every_byte_of_every_length_arrives(void **state)
{
	(void)state;
	const uint64_t lengths[] = {0, 1, 4095, 65536, 65537, 3 * MIB + 5, 64 * MIB};
	for (size_t i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++) {
		struct harness_stream s = {.seed = i + 1};
		struct harness_receiver r = {.streams = &s, .count = 1};
		harness_receiver_open(&r, &zcrxd, AREA, NULL);
		int sock = adopt_pair(&r, &s);
		struct harness_sender *sender = harness_send(sock, s.seed, lengths[i], HARNESS_FIN);
		harness_receive(&r);
		assert_int_equal(harness_send_wait(sender), 0);
		assert_int_equal(s.error, 0);
		assert_int_equal(s.bytes, lengths[i]);
		harness_receiver_close(&r);
	}
}

static void data_that_waits_in_the_socket_arrives_too(void **state)
{
	(void)state;
	struct harness_stream s = {.seed = 5};
	struct harness_receiver r = {.streams = &s, .count = 1};
	int pair[2];
	harness_receiver_open(&r, &zcrxd, AREA, NULL);
	harness_pair(pair);
	assert_int_equal(harness_send_wait(harness_send(pair[0], s.seed, 10000, HARNESS_FIN)), 0);
	harness_receiver_adopt(&r, &s, pair[1]);
	harness_receive(&r);
	assert_int_equal(s.bytes, 10000);
	close(pair[1]);
	harness_receiver_close(&r);
}

static void connects_and_receives(void **state)
{
	(void)state;
	struct harness_stream s = {.seed = 7};
	struct harness_receiver r = {.streams = &s, .count = 1};
	struct sockaddr_in at;
	harness_receiver_open(&r, &zcrxd, AREA, NULL);
	int listener = harness_listen(&at);
	assert_int_equal(zcrx_flow_connect(r.q, &s.flow, (struct sockaddr *)&at, sizeof(at), 0, &s),
			 0);
	struct sockaddr_in peer;
	socklen_t len = sizeof(peer);
	assert_int_equal(zcrx_flow_remote(s.flow, (struct sockaddr *)&peer, &len), 0);
	assert_int_equal(peer.sin_port, at.sin_port);

	int sock = accept(listener, NULL, NULL);
	char answer[5];
	assert_int_equal(send(zcrx_flow_socket(s.flow), "hello", 5, 0), 5);
	assert_int_equal(recv(sock, answer, sizeof(answer), MSG_WAITALL), 5);
	assert_memory_equal(answer, "hello", 5);
	struct harness_sender *sender = harness_send(sock, s.seed, MIB, HARNESS_FIN);
	harness_receive(&r);
	assert_int_equal(harness_send_wait(sender), 0);
	assert_int_equal(s.bytes, MIB);
	close(listener);
	harness_receiver_close(&r);
}

static void a_listener_takes_sixteen_streams_at_once(void **state)
{
	(void)state;
	struct harness_stream streams[16] = {0};
	struct harness_sender *senders[16];
	struct harness_receiver r = {.streams = streams, .count = 16};
	struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
	socklen_t len = sizeof(at);
	struct zcrx_flow *listener;
	harness_receiver_open(&r, &zcrxd, AREA, NULL);
	assert_int_equal(zcrx_flow_listen(r.q, &listener, (struct sockaddr *)&at, len, 0, NULL), 0);
	assert_int_equal(zcrx_flow_local(listener, (struct sockaddr *)&at, &len), 0);
	for (int i = 0; i < 16; i++) {
		int sock = harness_connect(&at);
		streams[i].seed = (uint64_t)i + 100;
		streams[i].port = port_of(sock);
		senders[i] =
			harness_send(sock, streams[i].seed, 4 * MIB + (uint64_t)i, HARNESS_FIN);
	}
	harness_receive(&r);
	for (int i = 0; i < 16; i++) {
		assert_int_equal(harness_send_wait(senders[i]), 0);
		assert_int_equal(streams[i].bytes, 4 * MIB + (uint64_t)i);
		assert_int_equal(streams[i].error, 0);
	}
	zcrx_flow_close(listener, 0);
	harness_receiver_close(&r);
}

/* zcrxd has let go of the socket by then. */
static void a_stream_that_has_ended_can_still_be_reset(void **state)
{
	(void)state;
	struct harness_receiver r = {0};
	struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
	socklen_t len = sizeof(at);
	struct timeval patience = {.tv_sec = 10};
	struct zcrx_flow *listener, *ended = NULL;
	char byte;
	harness_receiver_open(&r, &zcrxd, AREA, NULL);
	assert_int_equal(zcrx_flow_listen(r.q, &listener, (struct sockaddr *)&at, len, 0, NULL), 0);
	assert_int_equal(zcrx_flow_local(listener, (struct sockaddr *)&at, &len), 0);
	int sock = harness_connect(&at);
	assert_int_equal(shutdown(sock, SHUT_WR), 0);
	for (uint64_t until = harness_now_ms() + 10000; !ended && harness_now_ms() < until;) {
		struct zcrx_completion c;
		if (zcrx_reap(r.q, &c, 1) == 1 && c.what == ZCRX_END)
			ended = c.flow;
	}
	assert_non_null(ended);
	zcrx_flow_close(ended, ZCRX_CLOSE_ABORT);
	setsockopt(sock, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
	assert_int_equal(recv(sock, &byte, 1, 0), -1);
	assert_int_equal(errno, ECONNRESET);
	close(sock);
	harness_receiver_close(&r);
}

/* Has so many announcements in the channel as find room there. */
static void announced_wait(const struct harness_receiver *r)
{
	int bytes = 0;
	while (bytes < (int)(ANNOUNCED * sizeof(struct msg_flow_opened))) {
		usleep(1000);
		assert_int_equal(ioctl(zcrx_queue_fd(r->q), FIONREAD, &bytes), 0);
	}
}

/* Whom it had accepted comes; who still waited in the kernel's backlog is reset with the socket. */
static void a_closed_listener_loses_nobody_it_accepted(void **state)
{
	(void)state;
	struct harness_receiver r = {0};
	struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
	socklen_t len = sizeof(at);
	struct zcrx_flow *listener;
	int socks[20];
	harness_receiver_open(&r, &zcrxd, AREA, NULL);
	assert_int_equal(zcrx_flow_listen(r.q, &listener, (struct sockaddr *)&at, len, 0, NULL), 0);
	assert_int_equal(zcrx_flow_local(listener, (struct sockaddr *)&at, &len), 0);
	for (int i = 0; i < 20; i++)
		socks[i] = harness_connect(&at);
	announced_wait(&r);
	zcrx_flow_close(listener, 0);
	struct zcrx_completion c[20];
	int opened = 0, reset = 0, n = zcrx_reap(r.q, c, 20);
	for (int i = 0; i < n; i++)
		opened += c[i].what == ZCRX_OPEN;
	assert_int_equal(opened, n);
	/* As many as lie unread in the channel, and more while this client waits for the reply. */
	assert_in_range(opened, ANNOUNCED, 20);
	for (uint64_t until = harness_now_ms() + 10000; reset < 20 - n;) {
		char byte;
		assert_true(harness_now_ms() < until);
		for (int i = 0; i < 20; i++)
			reset += recv(socks[i], &byte, 1, MSG_DONTWAIT) < 0 && errno == ECONNRESET;
	}
	usleep(10000);
	for (int i = 0; i < 20; i++) {
		char byte;
		reset += recv(socks[i], &byte, 1, MSG_DONTWAIT) < 0 && errno == ECONNRESET;
		close(socks[i]);
	}
	assert_int_equal(opened + reset, 20);
	harness_receiver_close(&r);
}

static void a_paused_flow_stands_still_and_goes_on(void **state)
{
	(void)state;
	struct harness_stream s[2] = {{.seed = 1}, {.seed = 2}};
	struct harness_receiver r = {.streams = s, .count = 2};
	harness_receiver_open(&r, &zcrxd, AREA, NULL);
	int paused = adopt_pair(&r, &s[0]), other = adopt_pair(&r, &s[1]);
	assert_int_equal(zcrx_flow_pause(s[0].flow, 1), 0);
	harness_receive_for(&r, 20);
	uint64_t before = s[0].bytes;
	struct harness_sender *a = harness_send(paused, 1, 32 * MIB, HARNESS_FIN);
	struct harness_sender *b = harness_send(other, 2, 32 * MIB, HARNESS_FIN);
	while (!s[1].ended)
		harness_receive_for(&r, 10);
	assert_int_equal(s[1].bytes, 32 * MIB);
	assert_int_equal(s[0].bytes, before);
	assert_int_equal(zcrx_flow_pause(s[0].flow, 0), 0);
	harness_receive(&r);
	assert_int_equal(s[0].bytes, 32 * MIB);
	assert_int_equal(harness_send_wait(a) + harness_send_wait(b), 0);
	harness_receiver_close(&r);
}

static void a_reset_comes_after_the_data_before_it(void **state)
{
	(void)state;
	struct harness_stream s = {.seed = 3};
	struct harness_receiver r = {.streams = &s, .count = 1};
	harness_receiver_open(&r, &zcrxd, AREA, NULL);
	struct harness_sender *sender = harness_send(adopt_pair(&r, &s), 3, MIB, HARNESS_STAY);
	while (s.bytes < MIB)
		harness_receive_for(&r, 5);
	assert_int_equal(harness_send_wait(sender), 0);
	assert_false(s.ended);
	harness_receiver_close(&r);

	s = (struct harness_stream){.seed = 3};
	r = (struct harness_receiver){.streams = &s, .count = 1};
	harness_receiver_open(&r, &zcrxd, AREA, NULL);
	sender = harness_send(adopt_pair(&r, &s), 3, MIB, HARNESS_RESET);
	harness_receive(&r);
	assert_int_equal(harness_send_wait(sender), 0);
	assert_int_equal(s.error, -ECONNRESET);
	harness_receiver_close(&r);
}

static void a_tiny_area_and_a_slow_reader_lose_nothing(void **state)
{
	(void)state;
	const uint32_t buffer_bytes[] = {0, 4096, 65536};
	for (size_t i = 0; i < sizeof(buffer_bytes) / sizeof(buffer_bytes[0]); i++) {
		struct zcrx_queue_options o = {.size = sizeof(o), .buffer_bytes = buffer_bytes[i]};
		struct harness_stream s = {.seed = 9 + i};
		struct harness_receiver r = {.streams = &s, .count = 1, .hold = 200};
		harness_receiver_open(&r, &zcrxd, MIB / 4, &o);
		struct harness_sender *sender =
			harness_send(adopt_pair(&r, &s), s.seed, 16 * MIB, HARNESS_FIN);
		harness_receive(&r);
		assert_int_equal(harness_send_wait(sender), 0);
		assert_int_equal(s.bytes, 16 * MIB);
		harness_receiver_close(&r);
	}
}

static void counters_tell_what_came(void **state)
{
	(void)state;
	struct harness_stream s = {.seed = 4};
	struct harness_receiver r = {.streams = &s, .count = 1};
	struct zcrx_queue_info i = {.size = sizeof(i)};
	harness_receiver_open(&r, &zcrxd, AREA, NULL);
	struct harness_sender *sender =
		harness_send(adopt_pair(&r, &s), s.seed, 8 * MIB, HARNESS_FIN);
	harness_receive(&r);
	assert_int_equal(harness_send_wait(sender), 0);
	assert_int_equal(zcrx_queue_info(r.q, &i), 0);
	assert_int_equal(i.backend, ZCRX_BACKEND_COPY);
	assert_int_equal(i.bytes, 8 * MIB);
	assert_int_equal(i.bytes_copied, 8 * MIB);
	assert_in_range(i.completions, 8 * MIB / i.buffer_bytes, 8 * MIB);
	assert_int_equal(i.refills_refused, 0);
	assert_true(i.rq_entries >= AREA / i.buffer_bytes);
	harness_receiver_close(&r);
}

static bool becomes_readable(const struct harness_receiver *r)
{
	struct pollfd fd = {.fd = zcrx_queue_fd(r->q), .events = POLLIN};
	return poll(&fd, 1, HARNESS_PATIENCE_MS) == 1;
}

/* Wake-ups may come before for other reasons, as a flow that is gone. */
static void wait_for_event(const struct harness_receiver *r)
{
	char datagram[64];
	ssize_t n;
	do {
		assert_true(becomes_readable(r));
		n = recv(zcrx_queue_fd(r->q), datagram, sizeof(datagram), MSG_PEEK | MSG_DONTWAIT);
		if (n == 1)
			recv(zcrx_queue_fd(r->q), datagram, 1, MSG_DONTWAIT);
	} while (n == 1);
}

/* The program closes its listener because of another event, and sleeps on. */
static void what_came_while_a_listener_was_closed_wakes(void **state)
{
	(void)state;
	struct zcrx_flow *listener, *f;
	struct zcrx_completion c;
	struct harness_receiver r = {0};
	struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
	socklen_t len = sizeof(at);
	int pair[2];
	harness_receiver_open(&r, &zcrxd, AREA, NULL);
	harness_pair(pair);
	assert_int_equal(zcrx_flow_adopt(r.q, &f, pair[1], 0, NULL), 0);
	for (int i = 0; i < 2; i++) {
		at.sin_port = 0;
		assert_int_equal(zcrx_flow_listen(r.q, &listener, (struct sockaddr *)&at, len, 0,
						  NULL),
				 0);
		assert_int_equal(zcrx_flow_local(listener, (struct sockaddr *)&at, &len), 0);
		assert_int_equal(zcrx_reap(r.q, &c, 1), 0);
		int sock = i == 0 ? dup(pair[0]) : harness_connect(&at);
		assert_true(i == 1 || send(sock, "x", 1, 0) == 1);
		if (i == 0)
			assert_true(becomes_readable(&r));
		else
			wait_for_event(&r);
		zcrx_flow_close(listener, 0);
		assert_true(becomes_readable(&r));
		assert_int_equal(zcrx_reap(r.q, &c, 1), 1);
		assert_int_equal(c.what, i == 0 ? ZCRX_DATA : ZCRX_OPEN);
		close(sock);
	}
	close(pair[0]);
	close(pair[1]);
	harness_receiver_close(&r);
}

static void a_flow_closed_midway_harms_no_other(void **state)
{
	(void)state;
	struct harness_stream s[2] = {{.seed = 1}, {.seed = 2}};
	struct harness_receiver r = {.streams = s, .count = 2};
	harness_receiver_open(&r, &zcrxd, AREA, NULL);
	struct harness_sender *a = harness_send(adopt_pair(&r, &s[0]), 1, 64 * MIB, HARNESS_FIN);
	struct harness_sender *b = harness_send(adopt_pair(&r, &s[1]), 2, 64 * MIB, HARNESS_FIN);
	while (s[0].bytes < MIB)
		harness_receive_some(&r);
	zcrx_flow_close(s[0].flow, ZCRX_CLOSE_ABORT);
	uint64_t before = s[0].bytes;
	while (!s[1].ended)
		harness_receive_for(&r, 10);
	assert_int_equal(s[0].bytes, before);
	assert_int_equal(s[1].bytes, 64 * MIB);
	int error = harness_send_wait(a);
	assert_true(error == -ECONNRESET || error == -EPIPE);
	assert_int_equal(harness_send_wait(b), 0);
	harness_receiver_close(&r);
}

static void an_imported_memfd_receives(void **state)
{
	(void)state;
	struct harness_stream s = {.seed = 6};
	struct harness_receiver r = {.streams = &s, .count = 1};
	int fd = memfd_create("test", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	assert_int_equal(zcrx_connect(&r.z, zcrxd.socket), 0);
	assert_int_equal(ftruncate(fd, AREA), 0);
	assert_int_equal(zcrx_area_import(r.z, &r.area, fd, AREA), -EPERM);
	assert_int_equal(fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK), 0);
	assert_int_equal(zcrx_area_import(r.z, &r.area, fd, AREA), 0);
	assert_int_equal(zcrx_queue_open(r.z, &r.q, r.area, NULL), 0);
	close(fd);
	struct harness_sender *sender = harness_send(adopt_pair(&r, &s), 6, 8 * MIB, HARNESS_FIN);
	harness_receive(&r);
	assert_int_equal(harness_send_wait(sender), 0);
	assert_int_equal(s.bytes, 8 * MIB);
	harness_receiver_close(&r);
}

/* ---- several queues, several threads ---- */

/* Ends are not closed here: that touches the connection. */
static void *receive_all(void *arg)
{
	struct harness_receiver *r = arg;
	while (r->ended < r->count && !r->lost)
		if (harness_receive_some(r) == 0)
			zcrx_wait(r->q, -1);
	return NULL;
}

static void two_queues_of_one_connection_run_on_two_threads(void **state)
{
	(void)state;
	struct harness_stream s[2] = {{.seed = 1}, {.seed = 2}};
	struct harness_receiver r[2] = {
		{.streams = &s[0], .count = 1},
		{.streams = &s[1], .count = 1},
	};
	struct harness_sender *senders[2];
	pthread_t threads[2];
	harness_receiver_open(&r[0], &zcrxd, AREA, NULL);
	r[1].z = r[0].z;
	assert_int_equal(zcrx_area_new(r[1].z, &r[1].area, AREA, 0), 0);
	assert_int_equal(zcrx_queue_open(r[1].z, &r[1].q, r[1].area, NULL), 0);
	for (int i = 0; i < 2; i++)
		senders[i] =
			harness_send(adopt_pair(&r[i], &s[i]), s[i].seed, 32 * MIB, HARNESS_FIN);
	for (int i = 0; i < 2; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, receive_all, &r[i]), 0);
	for (int i = 0; i < 2; i++) {
		assert_int_equal(pthread_join(threads[i], NULL), 0);
		assert_int_equal(harness_send_wait(senders[i]), 0);
		assert_int_equal(s[i].bytes, 32 * MIB);
	}
	zcrx_queue_close(r[1].q);
	harness_receiver_close(&r[0]);
}

static void clients_do_not_hold_each_other_up(void **state)
{
	(void)state;
	struct harness_stream s[2] = {{.seed = 1}, {.seed = 2}};
	struct harness_receiver r[2] = {
		{.streams = &s[0], .count = 1},
		{.streams = &s[1], .count = 1},
	};
	struct harness_sender *senders[2];
	for (int i = 0; i < 2; i++) {
		harness_receiver_open(&r[i], &zcrxd, AREA, NULL);
		senders[i] =
			harness_send(adopt_pair(&r[i], &s[i]), s[i].seed, 32 * MIB, HARNESS_FIN);
	}
	harness_receive(&r[1]); /* while the first one reaps nothing at all */
	assert_int_equal(s[1].bytes, 32 * MIB);
	harness_receive(&r[0]);
	assert_int_equal(s[0].bytes, 32 * MIB);
	for (int i = 0; i < 2; i++) {
		assert_int_equal(harness_send_wait(senders[i]), 0);
		harness_receiver_close(&r[i]);
	}
}

/* ---- the end of the daemon ---- */

static void a_killed_pump_is_a_lost_queue_and_a_new_one_serves_again(void **state)
{
	(void)state;
	struct harness_stream s = {.seed = 1};
	struct harness_receiver r = {.streams = &s, .count = 1};
	harness_receiver_open(&r, &zcrxd, AREA, NULL);
	struct harness_sender *sender =
		harness_send(adopt_pair(&r, &s), 1, 1ull << 40, HARNESS_FIN);
	while (s.bytes < MIB)
		harness_receive_some(&r);
	harness_pump_kill(&zcrxd);
	harness_receive(&r);
	assert_int_equal(r.lost, -ECONNRESET);
	assert_false(s.ended);
	assert_true(harness_send_wait(sender) < 0);
	assert_int_equal(zcrx_area_new(r.z, &r.area, 4096, 0), -ECONNRESET);
	zcrx_close(r.z);

	s = (struct harness_stream){.seed = 2};
	r = (struct harness_receiver){.streams = &s, .count = 1};
	harness_receiver_open(&r, &zcrxd, AREA, NULL);
	sender = harness_send(adopt_pair(&r, &s), 2, MIB, HARNESS_FIN);
	harness_receive(&r);
	assert_int_equal(harness_send_wait(sender), 0);
	assert_int_equal(s.bytes, MIB);
	harness_receiver_close(&r);
}

static void a_daemon_that_stops_says_so(void **state)
{
	(void)state;
	struct harness_receiver r = {0};
	struct zcrx_completion c;
	harness_receiver_open(&r, &zcrxd, AREA, NULL);
	assert_int_equal(zcrx_reap(r.q, &c, 1), 0);
	harness_daemon_stop(&zcrxd);
	assert_int_equal(zcrx_wait(r.q, 10000), 1);
	assert_int_equal(zcrx_reap(r.q, &c, 1), 1);
	assert_int_equal(c.what, ZCRX_LOST);
	assert_int_equal(c.error, -ESHUTDOWN);
	zcrx_close(r.z);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(every_byte_of_every_length_arrives),
		TEST(data_that_waits_in_the_socket_arrives_too),
		TEST(connects_and_receives),
		TEST(a_listener_takes_sixteen_streams_at_once),
		TEST(a_closed_listener_loses_nobody_it_accepted),
		TEST(a_stream_that_has_ended_can_still_be_reset),
		TEST(a_paused_flow_stands_still_and_goes_on),
		TEST(a_reset_comes_after_the_data_before_it),
		TEST(a_tiny_area_and_a_slow_reader_lose_nothing),
		TEST(counters_tell_what_came),
		TEST(what_came_while_a_listener_was_closed_wakes),
		TEST(a_flow_closed_midway_harms_no_other),
		TEST(an_imported_memfd_receives),
		TEST(two_queues_of_one_connection_run_on_two_threads),
		TEST(clients_do_not_hold_each_other_up),
		TEST(a_killed_pump_is_a_lost_queue_and_a_new_one_serves_again),
		TEST(a_daemon_that_stops_says_so),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
