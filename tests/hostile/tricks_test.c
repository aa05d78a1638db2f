/* SPDX-License-Identifier: MIT */
/* What a client can do to an adopted socket behind the daemon's back: they share its open file. */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "tests/hostile/raw.h"
#include "tests/hostile/world.h"

enum {
	MIB = 1 << 20,
	IDLE_MS = 300,
	CPU_MS = 100 /* a daemon that computes so long in IDLE_MS spins */
};

static struct raw r;
static struct raw_queue q;
static int sock[2]; /* sender, adopted */
static uint32_t flow;

static int open_case(void **state)
{
	(void)state;
	raw_connect(&r);
	raw_queue_open(&q, &r, MIB, 0, 0);
	harness_pair(sock);
	flow = raw_adopt(&q, sock[1], 0);
	return 0;
}

static int close_case(void **state)
{
	world_is_well();
	raw_queue_drop(&q);
	raw_close(&r);
	close(sock[0]);
	close(sock[1]);
	return world_is_empty(state);
}

static void is_idle(void)
{
	world_rest(true);
	uint64_t before = world_cpu_us();
	usleep(IDLE_MS * 1000);
	uint64_t used = (world_cpu_us() - before) / 1000;
	world_rest(false);
	if (used > CPU_MS)
		fail_msg("the idle daemon used %ju ms in %d ms", (uintmax_t)used, IDLE_MS);
}

static void stream_goes_on(void)
{
	struct harness_sender *s = harness_send(sock[0], 1, MIB, HARNESS_STAY);
	raw_stream(&q, flow, 1, 0, MIB);
	assert_int_equal(harness_send_wait(s), 0);
}

static void set_nonblock(int fd, bool on)
{
	int flags = fcntl(fd, F_GETFL);
	flags = on ? flags | O_NONBLOCK : flags & ~O_NONBLOCK;
	assert_int_equal(fcntl(fd, F_SETFL, flags), 0);
}

static void nonblock_makes_no_difference(void **state)
{
	(void)state;
	const int fds[] = {r.sock, q.channel, sock[1]};
	for (int round = 0; round < 2; round++)
		for (int on = 0; on < 2; on++) {
			for (size_t i = 0; i < 3; i++)
				set_nonblock(fds[i], on);
			is_idle();
			stream_goes_on();
			is_idle();
		}
	for (size_t i = 0; i < 3; i++)
		set_nonblock(fds[i], false);
}

/* A connection is accepted and its bytes arrive. Returns the socket that came along. */
static int connection_arrives(const struct sockaddr_in *at)
{
	union msg_any m;
	int fds[MSG_FDS_MAX], peer = harness_connect(at);
	raw_event(&q, &m, fds);
	assert_int_equal(m.hdr.type, MSG_FLOW_OPENED);
	harness_send_wait(harness_send(peer, 3, 5000, HARNESS_FIN));
	raw_stream(&q, m.flow_opened.flow_id, 3, 0, 5000);
	assert_int_equal(raw_closed(&q, m.flow_opened.flow_id), 0);
	return fds[0];
}

static void a_nonblocking_listener_is_like_any_other(void **state)
{
	(void)state;
	struct sockaddr_in at;
	int listener = harness_listen(&at);
	set_nonblock(listener, true);
	raw_adopt(&q, listener, MSG_FLOW_LISTEN);
	is_idle();
	int opened = connection_arrives(&at);
	set_nonblock(opened, true);
	is_idle();
	set_nonblock(listener, false);
	close(connection_arrives(&at));
	is_idle();
	set_nonblock(listener, true);
	close(connection_arrives(&at));
	is_idle();
	close(opened);
	close(listener);
}

static void stolen_connections_are_the_thiefs(void **state)
{
	(void)state;
	struct sockaddr_in at;
	int listener = harness_listen(&at), stolen = 0, kept = 0, peers[100];
	struct raw_data d;
	raw_adopt(&q, listener, MSG_FLOW_LISTEN);
	set_nonblock(listener, true);
	for (int i = 0; i < 100; i++) {
		peers[i] = harness_connect(&at);
		int thief = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
		if (thief >= 0) {
			stolen++;
			close(thief);
			continue;
		}
		union msg_any m;
		int fds[MSG_FDS_MAX];
		raw_event(&q, &m, fds);
		assert_int_equal(m.hdr.type, MSG_FLOW_OPENED);
		close(fds[0]);
		kept++;
	}
	for (int i = 0; i < 100; i++)
		close(peers[i]);
	print_message("%d stolen, %d kept\n", stolen, kept);
	world_is_well();
	for (union msg_any m; kept > 0; kept--) {
		raw_take(&q, &d);
		raw_event(&q, &m, NULL);
		assert_int_equal(m.hdr.type, MSG_FLOW_CLOSED);
	}
	close(connection_arrives(&at));
	close(listener);
}

static void a_listener_that_stops_listening_ends(void **state)
{
	(void)state;
	struct sockaddr unspec = {.sa_family = AF_UNSPEC};
	for (int way = 0; way < 2; way++) {
		struct sockaddr_in at;
		int listener = harness_listen(&at);
		uint32_t id = raw_adopt(&q, listener, MSG_FLOW_LISTEN);
		if (way == 0)
			shutdown(listener, SHUT_RDWR);
		else
			assert_int_equal(connect(listener, &unspec, sizeof(unspec)), 0);
		union msg_any m;
		raw_event(&q, &m, NULL);
		assert_int_equal(m.hdr.type, MSG_FLOW_CLOSED);
		assert_int_equal(m.flow_closed.flow_id, id);
		assert_int_equal(m.flow_closed.error, -EINVAL);
		assert_int_equal(m.flow_closed.reason, REASON_SOCKET_STATE);
		assert_int_equal(raw_flow_close(&r, id, 0), 0);
		is_idle();
		close(listener);
	}
}

static void a_connection_cut_by_its_owner_ends(void **state)
{
	(void)state;
	struct sockaddr unspec = {.sa_family = AF_UNSPEC};
	assert_int_equal(connect(sock[1], &unspec, sizeof(unspec)), 0);
	assert_int_equal(raw_closed(&q, flow), -ECONNRESET);
	is_idle();
}

/* The kernel runs some of its work at a time; what this makes has no completions. */
static void what_moves_nothing_hides_no_data(void **state)
{
	enum {
		QUIET = 50
	};
	int pairs[QUIET][2];
	uint32_t ids[QUIET];
	(void)state;
	for (int i = 0; i < QUIET; i++) {
		harness_pair(pairs[i]);
		ids[i] = raw_adopt(&q, pairs[i][1], 0);
	}
	is_idle();
	for (int i = 0; i < QUIET; i++)
		assert_int_equal(shutdown(pairs[i][1], SHUT_WR), 0);
	usleep(IDLE_MS * 1000);
	struct harness_sender *s = harness_send(pairs[QUIET - 1][0], 1, 100, HARNESS_STAY);
	raw_stream(&q, ids[QUIET - 1], 1, 0, 100);
	assert_int_equal(harness_send_wait(s), 0);
	for (int i = 0; i < QUIET; i++) {
		close(pairs[i][0]);
		assert_int_equal(raw_closed(&q, ids[i]), 0);
		close(pairs[i][1]);
	}
}

static void reading_what_is_received_steals_from_oneself_only(void **state)
{
	(void)state;
	char data[4096];
	struct harness_sender *s = harness_send(sock[0], 1, 4 * MIB, HARNESS_STAY);
	struct raw_data d;
	uint64_t stolen = 0, came = 0, until = harness_now_ms() + WORLD_PATIENCE_MS;
	while (stolen + came < 4 * MIB && harness_now_ms() < until) {
		ssize_t n = recv(sock[1], data, sizeof(data), MSG_DONTWAIT);
		stolen += n > 0 ? (uint64_t)n : 0;
		if (!raw_take(&q, &d))
			continue;
		came += d.bytes;
		raw_refill(&q, d.off, 0);
		raw_kick(&q);
	}
	assert_int_equal(stolen + came, 4 * MIB);
	assert_int_equal(harness_send_wait(s), 0);
	is_idle();
}

static void an_hour_of_lingering_holds_up_nobody(void **state)
{
	(void)state;
	static const char data[MIB];
	struct linger hour = {.l_onoff = 1, .l_linger = 3600};
	assert_int_equal(setsockopt(sock[1], SOL_SOCKET, SO_LINGER, &hour, sizeof(hour)), 0);
	while (send(sock[1], data, sizeof(data), MSG_DONTWAIT | MSG_NOSIGNAL) > 0)
		;       /* its peer reads nothing */
	close(sock[1]); /* now the daemon's is the last descriptor */
	sock[1] = -1;
	assert_int_equal(raw_flow_close(&r, flow, 0), 0);
	world_is_well();
	union msg_any m = {.queue_close = {.queue_id = q.id}};
	assert_int_equal(raw_request(&r, MSG_QUEUE_CLOSE, &m, -1, NULL), 0);
}

static void urgent_bytes_end_nothing(void **state)
{
	(void)state;
	for (int i = 0; i < 20; i++) {
		assert_int_equal(send(sock[0], "!", 1, MSG_OOB), 1);
		is_idle();
		harness_send_wait(harness_send(sock[0], 4, 3000, HARNESS_STAY));
		raw_stream(&q, flow, 4, 0, 3000);
		if (i == 1)
			i = 18; /* is_idle() takes its time */
	}
}

static void odd_options_harm_their_owner_only(void **state)
{
	(void)state;
	const int huge = 1 << 30, one = 1;
	struct timeval instant = {.tv_usec = 1};
	setsockopt(sock[1], SOL_SOCKET, SO_RCVLOWAT, &huge, sizeof(huge));
	setsockopt(sock[1], SOL_SOCKET, SO_RCVTIMEO, &instant, sizeof(instant));
	setsockopt(sock[1], SOL_SOCKET, SO_OOBINLINE, &one, sizeof(one));
	setsockopt(sock[1], SOL_SOCKET, SO_BUSY_POLL, &huge, sizeof(huge));
	setsockopt(sock[1], SOL_SOCKET, SO_PEEK_OFF, &one, sizeof(one));
	assert_int_equal(send(sock[0], "few", 3, MSG_NOSIGNAL), 3);
	is_idle();
	setsockopt(sock[1], SOL_SOCKET, SO_RCVLOWAT, &one, sizeof(one));
	struct raw_data d;
	WORLD_UNTIL(raw_take(&q, &d));
	assert_memory_equal(q.area + d.off, "few", d.bytes);
	raw_refill(&q, d.off, 0);
	stream_goes_on();
}

static void pausing_and_resuming_all_the_time_loses_nothing(void **state)
{
	(void)state;
	struct harness_sender *s = harness_send(sock[0], 1, 8 * MIB, HARNESS_FIN);
	sock[0] = -1;
	uint64_t pos = 0;
	for (uint32_t i = 0; i < 400; i++) {
		union msg_any m = {.flow_pause = {.flow_id = flow, .on = i / 3 % 2}};
		assert_int_equal(raw_request(&r, MSG_FLOW_PAUSE, &m, -1, NULL), 0);
		struct raw_data d;
		if (!raw_take(&q, &d))
			continue;
		assert_true(harness_pattern_is(q.area + d.off, 1, pos, d.bytes));
		pos += d.bytes;
		raw_refill(&q, d.off, 0);
		raw_kick(&q);
	}
	union msg_any m = {.flow_pause = {.flow_id = flow, .on = 0}};
	assert_int_equal(raw_request(&r, MSG_FLOW_PAUSE, &m, -1, NULL), 0);
	raw_stream(&q, flow, 1, pos, 8 * MIB - pos);
	assert_int_equal(raw_closed(&q, flow), 0);
	assert_int_equal(harness_send_wait(s), 0);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, open_case, close_case)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(nonblock_makes_no_difference),
		CASE(a_nonblocking_listener_is_like_any_other),
		CASE(stolen_connections_are_the_thiefs),
		CASE(a_listener_that_stops_listening_ends),
		CASE(a_connection_cut_by_its_owner_ends),
		CASE(what_moves_nothing_hides_no_data),
		CASE(reading_what_is_received_steals_from_oneself_only),
		CASE(an_hour_of_lingering_holds_up_nobody),
		CASE(urgent_bytes_end_nothing),
		CASE(odd_options_harm_their_owner_only),
		CASE(pausing_and_resuming_all_the_time_loses_nothing),
	};
	return cmocka_run_group_tests(tests, world_setup, world_teardown);
}
