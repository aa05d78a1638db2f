/* SPDX-License-Identifier: MIT */
/* Clients that take nothing, give nothing back, read nothing, or never stop talking. */
#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "tests/hostile/raw.h"
#include "tests/hostile/world.h"

enum {
	MIB = 1 << 20,
	FLOWS = 300,
	CONNECTIONS = 40,
	STILL_MOMENTS = 11,
	UNREAD_MAX = 8 /* FLOW_OPENED with a socket */
};

static struct raw r;
static struct raw_queue q;
static int sock[2]; /* sender, adopted */
static uint32_t flow;

static int open_case(void **state)
{
	(void)state;
	raw_connect(&r);
	raw_queue_open(&q, &r, 16 * 4096ul * 4, 16384, 64);
	harness_pair(sock);
	flow = raw_adopt(&q, sock[1], 0);
	return 0;
}

static int close_case(void **state)
{
	world_is_well();
	close(sock[0]);
	close(sock[1]);
	raw_queue_drop(&q);
	raw_close(&r);
	return world_is_empty(state);
}

/*
 * Nothing moves any more: the daemon leaves the queue alone. Time alone does not tell that from a
 * machine too busy to let it run: in none of these moments does anybody even want to.
 */
static void stands_still(void)
{
	uint64_t bytes = 0, enters = 0, until = harness_now_ms() + WORLD_PATIENCE_MS;
	world_rest(true);
	for (int still = 0; still < STILL_MOMENTS; still++) {
		uint64_t b = __atomic_load_n(&raw_daemon(&q)->bytes, __ATOMIC_RELAXED);
		uint64_t e = __atomic_load_n(&raw_daemon(&q)->enters, __ATOMIC_RELAXED);
		if (b != bytes || e != enters || !world_sleeps())
			still = 0;
		bytes = b;
		enters = e;
		usleep(10000);
		if (harness_now_ms() > until)
			fail_msg("it never stands still: %ju bytes, %ju enters", (uintmax_t)bytes,
				 (uintmax_t)enters);
	}
	world_rest(false);
}

static void who_never_recycles_stands_still_until_it_does(void **state)
{
	(void)state;
	struct raw_data held[64];
	uint64_t pos = 0;
	struct harness_sender *s = harness_send(sock[0], 1, 16 * MIB, HARNESS_STAY);
	for (int round = 0; round < 3; round++) {
		int n = 0;
		uint64_t from = pos;
		stands_still();
		while (raw_take(&q, &held[n])) {
			assert_int_equal(held[n].flow, flow);
			assert_true(
				harness_pattern_is(q.area + held[n].off, 1, pos, held[n].bytes));
			pos += held[n++].bytes;
		}
		raw_kick(&q);
		assert_true(pos > from && pos < 16 * MIB);
		stands_still();
		assert_int_equal(ring_load(&raw_daemon(&q)->starved), 1);
		world_is_well();
		/* Nobody has touched what it holds. */
		for (int i = 0; i < n; i++) {
			assert_true(
				harness_pattern_is(q.area + held[i].off, 1, from, held[i].bytes));
			from += held[i].bytes;
			raw_refill(&q, held[i].off, 0);
		}
		raw_kick(&q);
	}
	raw_stream(&q, flow, 1, pos, 16 * MIB - pos);
	assert_int_equal(harness_send_wait(s), 0);
	assert_true(raw_daemon(&q)->starvations >= 3);
}

static void who_takes_nothing_finds_all_of_it_later(void **state)
{
	(void)state;
	/* Thin data: the completions run out before the buffers do, or the other way round. */
	for (uint32_t pos = 0; pos < 200 * 100; pos += 100) {
		char data[100];
		harness_pattern(data, 2, pos, sizeof(data));
		assert_int_equal(send(sock[0], data, sizeof(data), MSG_NOSIGNAL), sizeof(data));
	}
	shutdown(sock[0], SHUT_WR);
	stands_still();
	world_is_well();
	raw_stream(&q, flow, 2, 0, 200 * 100);
	assert_int_equal(raw_closed(&q, flow), 0);
}

static void who_reads_no_events_gets_all_of_them_later(void **state)
{
	(void)state;
	static uint32_t ids[FLOWS];
	union msg_any m;
	for (int i = 0; i < FLOWS; i++) {
		int pair[2];
		harness_pair(pair);
		ids[i] = raw_adopt(&q, pair[1], 0);
		if (i % 2)
			harness_reset_on_close(pair[0]);
		close(pair[0]);
		close(pair[1]);
	}
	stands_still();
	world_is_well();
	for (int n = 0; n < FLOWS; n++) {
		struct raw_data d;
		assert_false(raw_take(&q, &d)); /* the ends lie in the ring, too */
		raw_kick(&q);
		raw_event(&q, &m, NULL);
		assert_int_equal(m.hdr.type, MSG_FLOW_CLOSED);
		int i = 0;
		while (i < FLOWS && ids[i] != m.flow_closed.flow_id)
			i++;
		assert_true(i < FLOWS);
		assert_int_equal(m.flow_closed.error, i % 2 ? -ECONNRESET : 0);
		assert_int_equal(m.flow_closed.reason, REASON_PEER);
		assert_int_equal(raw_flow_close(&r, ids[i], 0), 0);
		ids[i] = 0;
	}
}

static void events_nobody_read_end_with_the_queue(void **state)
{
	(void)state;
	for (int i = 0; i < FLOWS; i++) {
		int pair[2];
		harness_pair(pair);
		raw_adopt(&q, pair[1], 0);
		close(pair[0]);
		close(pair[1]);
	}
	union msg_any m = {.queue_close = {.queue_id = q.id}};
	assert_int_equal(raw_request(&r, MSG_QUEUE_CLOSE, &m, -1, NULL), 0);
	raw_lost(&q);
}

/* Unread datagrams with a socket in the channel: each has one event message. */
static uint32_t unread_opened(void)
{
	return ring_load(&raw_daemon(&q)->events);
}

static void opened_sockets_do_not_pile_up(void **state)
{
	(void)state;
	struct sockaddr_in at;
	int listener = harness_listen(&at), peers[CONNECTIONS], fds[MSG_FDS_MAX];
	uint32_t ids[CONNECTIONS] = {0};
	union msg_any m;
	raw_adopt(&q, listener, MSG_FLOW_LISTEN);
	for (int i = 0; i < CONNECTIONS; i++)
		peers[i] = harness_connect(&at);
	WORLD_UNTIL(unread_opened() == UNREAD_MAX);
	stands_still();
	assert_int_equal(unread_opened(), UNREAD_MAX);
	world_is_well();
	for (int n = 0; n < CONNECTIONS; n++) {
		raw_event(&q, &m, fds);
		assert_int_equal(m.hdr.type, MSG_FLOW_OPENED);
		assert_int_equal(m.hdr.nfds, 1);
		close(fds[0]);
		struct sockaddr_in own;
		socklen_t len = sizeof(own);
		int i = 0;
		do
			getsockname(peers[i], (struct sockaddr *)&own, &len);
		while (ntohs(own.sin_port) != m.flow_opened.remote.port && ++i < CONNECTIONS);
		assert_true(i < CONNECTIONS && ids[i] == 0);
		ids[i] = m.flow_opened.flow_id;
	}
	for (int i = 0; i < CONNECTIONS; i++) {
		harness_send_wait(harness_send(peers[i], (uint64_t)i, 5000, HARNESS_FIN));
		raw_stream(&q, ids[i], (uint64_t)i, 0, 5000);
		assert_int_equal(raw_closed(&q, ids[i]), 0);
	}
	close(listener);
}

static void opened_sockets_nobody_read_end_with_the_queue(void **state)
{
	(void)state;
	struct sockaddr_in at;
	int listener = harness_listen(&at), peers[CONNECTIONS];
	char byte;
	raw_adopt(&q, listener, MSG_FLOW_LISTEN);
	close(listener);
	for (int i = 0; i < CONNECTIONS; i++)
		peers[i] = harness_connect(&at);
	stands_still();
	close(q.channel); /* as good as QUEUE_CLOSE */
	q.channel = -1;
	for (int i = 0; i < CONNECTIONS; i++) {
		assert_true(recv(peers[i], &byte, 1, 0) <= 0);
		close(peers[i]);
	}
	WORLD_UNTIL(world_queues() == 1);
}

static void *talk(void *stop)
{
	static const char data[65536];
	const struct raw channel = {.sock = q.channel};
	for (uint32_t i = 0; !__atomic_load_n((bool *)stop, __ATOMIC_ACQUIRE); i++)
		if (i % 50 == 0)
			send(channel.sock, data, 1 + i % 65535, MSG_DONTWAIT | MSG_NOSIGNAL);
		else
			send(channel.sock, data, 1, MSG_DONTWAIT | MSG_NOSIGNAL);
	return NULL;
}

static void endless_kicks_disturb_nobody(void **state)
{
	(void)state;
	bool stop = false;
	pthread_t thread;
	assert_int_equal(pthread_create(&thread, NULL, talk, &stop), 0);
	for (int i = 0; i < 5; i++)
		world_is_well();
	__atomic_store_n(&stop, true, __ATOMIC_RELEASE);
	pthread_join(thread, NULL);
	harness_send_wait(harness_send(sock[0], 5, 5000, HARNESS_STAY));
	raw_stream(&q, flow, 5, 0, 5000);
}

static void descriptors_on_the_channel_are_closed(void **state)
{
	(void)state;
	const struct raw channel = {.sock = q.channel};
	const int fds[] = {sock[0], sock[1], q.channel, r.sock, 0, 1, 2};
	WORLD_UNTIL(harness_hands(&zcrxd) ==
		    0); /* those that wait for a job have descriptors, too */
	int before = world_fds();
	for (size_t n = 1; n <= 7; n++) {
		raw_send(&channel, "", 1, fds, n);
		raw_send(&channel, "kick me", 8, fds, n);
	}
	WORLD_UNTIL(world_fds() == before);
	raw_send(&channel, "", 0, fds, 3); /* like the end of file */
	WORLD_UNTIL(world_queues() == 1);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, open_case, close_case)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(who_never_recycles_stands_still_until_it_does),
		CASE(who_takes_nothing_finds_all_of_it_later),
		CASE(who_reads_no_events_gets_all_of_them_later),
		CASE(events_nobody_read_end_with_the_queue),
		CASE(opened_sockets_do_not_pile_up),
		CASE(opened_sockets_nobody_read_end_with_the_queue),
		CASE(endless_kicks_disturb_nobody),
		CASE(descriptors_on_the_channel_are_closed),
	};
	return cmocka_run_group_tests(tests, world_setup, world_teardown);
}
