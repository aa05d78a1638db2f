/* SPDX-License-Identifier: MIT */
/* Clients that meddle with the sockets being received, or do not read; daemons that die. */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "tests/harness/receive.h"
#include "tests/hostile/world.h"

enum {
	KIB = 1024,
	MIB = 1024 * KIB,
	AREA = MIB,
	MANY = 30,
	AT_ONCE_MS = 30000 /* 20 ms alone: a machine may be 1500 times as slow */
};

static int adopt_pair(struct harness_receiver *r, struct harness_stream *s, int *ret_adopted)
{
	int pair[2];
	harness_pair(pair);
	harness_receiver_adopt(r, s, pair[1]);
	*ret_adopted = pair[1];
	return pair[0];
}

static uint16_t port_of(int sock)
{
	struct sockaddr_in at;
	socklen_t len = sizeof(at);
	assert_int_equal(getsockname(sock, (struct sockaddr *)&at, &len), 0);
	return ntohs(at.sin_port);
}

/* ---- O_NONBLOCK ---- */

struct toggler {
	int fds[3];
	bool stop;
};

static void nonblock_set(int fd, bool on)
{
	int flags = fcntl(fd, F_GETFL);
	fcntl(fd, F_SETFL, on ? flags | O_NONBLOCK : flags & ~O_NONBLOCK);
}

static void *toggle(void *arg)
{
	struct toggler *t = arg;
	for (unsigned i = 0; !__atomic_load_n(&t->stop, __ATOMIC_ACQUIRE); i++) {
		for (unsigned fd = 0; fd < 3; fd++)
			nonblock_set(t->fds[fd], (i + fd) % 2);
		usleep(100);
	}
	return NULL;
}

static void nonblocking_comes_and_goes_and_the_data_stays_right(void **state)
{
	(void)state;
	struct harness_stream s[5] = {{.seed = 1}, {.seed = 2}, {.seed = 3}, {.seed = 4}};
	struct harness_sender *senders[4];
	struct harness_receiver r = {.streams = s, .count = 4};
	struct sockaddr_in at;
	struct zcrx_flow *listening;
	pthread_t thread;
	int adopted, listener = harness_listen(&at);
	harness_receiver_open(&r, &zcrxd, AREA, NULL);
	int sock = adopt_pair(&r, &s[0], &adopted);
	assert_int_equal(zcrx_flow_adopt(r.q, &listening, listener, ZCRX_FLOW_LISTEN, NULL), 0);
	struct toggler t = {.fds = {adopted, listener, zcrx_queue_fd(r.q)}};
	assert_int_equal(pthread_create(&thread, NULL, toggle, &t), 0);
	senders[0] = harness_send(sock, 1, 16 * MIB, HARNESS_FIN);
	for (int i = 1; i < 4; i++) {
		sock = harness_connect(&at);
		s[i].port = port_of(sock);
		senders[i] = harness_send(sock, s[i].seed, 4 * MIB, HARNESS_FIN);
	}
	harness_receive(&r);
	__atomic_store_n(&t.stop, true, __ATOMIC_RELEASE);
	pthread_join(thread, NULL);
	for (int i = 0; i < 4; i++) {
		assert_int_equal(harness_send_wait(senders[i]), 0);
		assert_int_equal(s[i].error, 0);
		assert_int_equal(s[i].bytes, i == 0 ? 16 * MIB : 4 * MIB);
	}
	harness_receiver_close(&r);
	close(adopted);
	close(listener);
}

static void nonblocking_sockets_with_nothing_to_do_cost_no_time(void **state)
{
	(void)state;
	struct harness_stream s = {.seed = 1};
	struct harness_receiver r = {.streams = &s, .count = 1};
	struct sockaddr_in at;
	struct zcrx_flow *listening;
	int pair[2], listener = harness_listen(&at);
	harness_pair(pair);
	nonblock_set(pair[1], true);
	nonblock_set(listener, true);
	harness_receiver_open(&r, &zcrxd, AREA, NULL);
	harness_receiver_adopt(&r, &s, pair[1]);
	assert_int_equal(zcrx_flow_adopt(r.q, &listening, listener, ZCRX_FLOW_LISTEN, NULL), 0);
	world_rest(true);
	usleep(50000);
	uint64_t before = world_cpu_us();
	usleep(500000);
	uint64_t used = (world_cpu_us() - before) / 1000;
	world_rest(false);
	assert_in_range(used, 0, 150);
	struct harness_sender *sender = harness_send(pair[0], 1, MIB, HARNESS_FIN);
	harness_receive(&r);
	assert_int_equal(harness_send_wait(sender), 0);
	assert_int_equal(s.bytes, MIB);
	harness_receiver_close(&r);
	close(pair[1]);
	close(listener);
}

/* ---- listeners ---- */

static int steal(int listener)
{
	int stolen = 0;
	for (int sock; (sock = accept(listener, NULL, NULL)) >= 0; stolen++)
		close(sock);
	return stolen;
}

static void connections_stolen_from_a_listener_are_all_that_is_missing(void **state)
{
	(void)state;
	struct harness_stream s[MANY] = {0};
	struct harness_sender *senders[MANY];
	struct harness_receiver r = {.streams = s, .count = MANY};
	struct sockaddr_in at;
	struct zcrx_flow *f;
	int listener = harness_listen(&at), stolen = 0;
	nonblock_set(listener, true);
	harness_receiver_open(&r, &zcrxd, AREA, NULL);
	assert_int_equal(zcrx_flow_adopt(r.q, &f, listener, ZCRX_FLOW_LISTEN, NULL), 0);
	for (int i = 0; i < MANY; i++) {
		bool paused = i < MANY / 3; /* so that there is something to steal for certain */
		if (i == 0 || i == MANY / 3)
			assert_int_equal(zcrx_flow_pause(f, paused), 0);
		if (i == 0)
			usleep(20000);
		int sock = harness_connect(&at);
		s[i].seed = (uint64_t)i + 1;
		s[i].port = port_of(sock);
		senders[i] = harness_send(sock, s[i].seed, 20 * KIB, HARNESS_FIN);
		if (paused || i % 3 == 0)
			stolen += steal(listener);
	}
	uint64_t until = harness_now_ms() + WORLD_PATIENCE_MS;
	while (r.ended + stolen < MANY && harness_now_ms() < until)
		harness_receive_for(&r, 5);
	assert_int_equal(r.ended + stolen, MANY);
	assert_in_range(stolen, MANY / 3, MANY);
	for (int i = 0; i < MANY; i++) {
		int error = harness_send_wait(senders[i]);
		assert_true(error == 0 || !s[i].ended);
		assert_int_equal(s[i].bytes, s[i].ended ? 20 * KIB : 0);
	}
	/* Later ones come as ever. */
	s[0] = (struct harness_stream){.seed = 99};
	r.ended = 0;
	r.count = 1;
	int sock = harness_connect(&at);
	s[0].port = port_of(sock);
	senders[0] = harness_send(sock, 99, MIB, HARNESS_FIN);
	harness_receive(&r);
	assert_int_equal(harness_send_wait(senders[0]), 0);
	assert_int_equal(s[0].bytes, MIB);
	harness_receiver_close(&r);
	close(listener);
}

static void who_does_not_read_gets_all_connections_later(void **state)
{
	(void)state;
	struct harness_stream s[MANY] = {0};
	struct harness_sender *senders[MANY];
	struct harness_receiver r = {.streams = s, .count = MANY};
	struct sockaddr_in at;
	struct zcrx_flow *f;
	int listener = harness_listen(&at);
	harness_receiver_open(&r, &zcrxd, AREA, NULL);
	assert_int_equal(zcrx_flow_adopt(r.q, &f, listener, ZCRX_FLOW_LISTEN, NULL), 0);
	for (int i = 0; i < MANY; i++) {
		int sock = harness_connect(&at);
		s[i].seed = (uint64_t)i + 1;
		s[i].port = port_of(sock);
		senders[i] = harness_send(sock, s[i].seed, 70 * KIB, HARNESS_FIN);
	}
	usleep(200000);
	world_is_well();
	harness_receive(&r);
	for (int i = 0; i < MANY; i++) {
		assert_int_equal(harness_send_wait(senders[i]), 0);
		assert_int_equal(s[i].error, 0);
		assert_int_equal(s[i].bytes, 70 * KIB);
	}
	harness_receiver_close(&r);
	close(listener);
}

/* ---- ends and pauses ---- */

static void ends_come_after_all_data_with_their_errno(void **state)
{
	(void)state;
	for (int reset = 0; reset < 2; reset++) {
		struct harness_stream s = {.seed = 5};
		struct harness_receiver r = {.streams = &s, .count = 1, .hold = 200};
		int adopted;
		harness_receiver_open(&r, &zcrxd, 256 * KIB, NULL);
		int sock = adopt_pair(&r, &s, &adopted);
		struct harness_sender *sender =
			harness_send(sock, 5, MIB, reset ? HARNESS_RESET : HARNESS_FIN);
		harness_receive(&r);
		assert_int_equal(harness_send_wait(sender), 0);
		assert_int_equal(s.bytes, MIB);
		assert_int_equal(s.error, reset ? -ECONNRESET : 0);
		harness_receiver_close(&r);
		close(adopted);
	}
}

static void what_waits_while_paused_comes_when_resumed(void **state)
{
	(void)state;
	struct harness_stream s = {.seed = 6};
	struct harness_receiver r = {.streams = &s, .count = 1};
	int adopted;
	harness_receiver_open(&r, &zcrxd, AREA, NULL);
	int sock = adopt_pair(&r, &s, &adopted);
	assert_int_equal(zcrx_flow_pause(s.flow, 1), 0);
	assert_int_equal(zcrx_flow_pause(s.flow, 1), 0);
	harness_receive_for(&r, 50);
	struct harness_sender *sender = harness_send(sock, 6, 8 * MIB, HARNESS_FIN);
	harness_receive_for(&r, 100);
	assert_int_equal(s.bytes, 0);
	for (int i = 0; i < 100 && !s.ended; i++) {
		assert_int_equal(zcrx_flow_pause(s.flow, i % 2), 0);
		harness_receive_some(&r);
	}
	if (!s.ended)
		assert_int_equal(zcrx_flow_pause(s.flow, 0), 0);
	harness_receive(&r);
	assert_int_equal(harness_send_wait(sender), 0);
	assert_int_equal(s.bytes, 8 * MIB);
	harness_receiver_close(&r);
	close(adopted);
}

/* ---- daemons that die ---- */

static void lost_then_served_by_another(int signal, int error)
{
	struct harness_stream s[2] = {{.seed = 1}, {.seed = 2}};
	struct harness_receiver r = {.streams = s, .count = 2};
	int adopted[2];
	world_start(NULL);
	harness_receiver_open(&r, &zcrxd, AREA, NULL);
	struct harness_sender *sender =
		harness_send(adopt_pair(&r, &s[0], &adopted[0]), 1, 1ull << 40, HARNESS_FIN);
	int idle = adopt_pair(&r, &s[1], &adopted[1]);
	while (s[0].bytes < MIB)
		if (harness_receive_some(&r) == 0)
			zcrx_wait(r.q, 1000);
	uint64_t since = harness_now_ms();
	if (signal == SIGKILL)
		harness_pump_kill(&zcrxd);
	else
		kill(zcrxd.pid, signal);
	harness_receive(&r);
	assert_in_range(harness_now_ms() - since, 0, AT_ONCE_MS);
	assert_int_equal(r.lost, error);
	harness_expect_why_lost(&r, signal == SIGKILL ? "" : "zcrxd was told to end.");
	assert_false(s[0].ended || s[1].ended);
	zcrx_close(r.z);
	close(adopted[0]);
	close(adopted[1]);
	close(idle);
	assert_true(harness_send_wait(sender) < 0);
	world_stop();

	world_start(NULL);
	s[0] = (struct harness_stream){.seed = 3};
	r = (struct harness_receiver){.streams = s, .count = 1};
	harness_receiver_open(&r, &zcrxd, AREA, NULL);
	sender = harness_send(adopt_pair(&r, &s[0], &adopted[0]), 3, MIB, HARNESS_FIN);
	harness_receive(&r);
	assert_int_equal(harness_send_wait(sender), 0);
	assert_int_equal(s[0].bytes, MIB);
	harness_receiver_close(&r);
	close(adopted[0]);
	world_is_empty(NULL);
	world_stop();
}

static void a_killed_pump_is_noticed_at_once(void **state)
{
	(void)state;
	lost_then_served_by_another(SIGKILL, -ECONNRESET);
}

static void a_stopped_daemon_says_so_at_once(void **state)
{
	(void)state;
	lost_then_served_by_another(SIGTERM, -ESHUTDOWN);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		WORLD_CASE(nonblocking_comes_and_goes_and_the_data_stays_right),
		WORLD_CASE(nonblocking_sockets_with_nothing_to_do_cost_no_time),
		WORLD_CASE(connections_stolen_from_a_listener_are_all_that_is_missing),
		WORLD_CASE(who_does_not_read_gets_all_connections_later),
		WORLD_CASE(ends_come_after_all_data_with_their_errno),
		WORLD_CASE(what_waits_while_paused_comes_when_resumed),
	};
	const struct CMUnitTest ends[] = {
		cmocka_unit_test(a_killed_pump_is_noticed_at_once),
		cmocka_unit_test(a_stopped_daemon_says_so_at_once),
	};
	int failed = cmocka_run_group_tests(tests, world_setup, world_teardown);
	return failed + cmocka_run_group_tests(ends, NULL, NULL);
}
