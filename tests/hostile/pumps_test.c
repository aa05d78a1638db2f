/* SPDX-License-Identifier: MIT */
/* Pumps that end when nobody expects it: only their own clients notice. */
#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "tests/hostile/raw.h"
#include "tests/hostile/world.h"

enum {
	AREA = 256 * 1024,
	PIECE = 16 * 1024,
	KILLS = 20,
	SEED = 7
};

/* Room for the neighbour and one more of each: what a pump that was killed had must be free again.
 */
static const char limits[] =
	"[class default]\nsessions=2\nqueues=2\nareas=2\nflows=8\nlisteners=2\n"
	"requests-per-second=100000\n";

static void its_end_is_seen(const struct raw *r)
{
	char byte;
	ssize_t n;
	while ((n = recv(r->sock, &byte, sizeof(byte), 0)) > 0)
		;
	assert_true(n == 0 || errno == ECONNRESET);
}

/* A session with a queue, a stream that has brought something and more under way, and a listener.
 */
static void one_life(bool before_hello)
{
	struct raw r;
	struct raw_queue q;
	struct sockaddr_in at;
	char data[PIECE];
	if (before_hello) {
		raw_connect_mutely(&r);
		WORLD_UNTIL(world_clients() == 2);
		harness_pump_kill(&zcrxd);
		its_end_is_seen(&r);
		close(r.sock);
		return;
	}
	raw_connect(&r);
	raw_queue_open(&q, &r, AREA, 0, 0);
	int listener = harness_listen(&at), peer = harness_connect(&at);
	int sock = accept(listener, NULL, NULL);
	uint32_t flow = raw_adopt(&q, sock, 0);
	raw_adopt(&q, listener, MSG_FLOW_LISTEN);
	harness_pattern(data, SEED, 0, PIECE);
	assert_int_equal(send(peer, data, PIECE, MSG_NOSIGNAL), PIECE);
	raw_stream(&q, flow, SEED, 0, PIECE);
	assert_true(send(peer, data, PIECE, MSG_NOSIGNAL) > 0);
	harness_pump_kill(&zcrxd);
	its_end_is_seen(&r);
	raw_lost(&q);
	raw_queue_drop(&q);
	close(r.sock);
	close(sock);
	close(peer);
	close(listener);
}

static void whose_pump_is_killed_loses_what_is_his_and_nobody_else_does(void **state)
{
	for (int i = 0; i < KILLS; i++) {
		one_life(i % 4 == 0);
		world_is_empty(state);
	}
}

static int setup(void **state)
{
	(void)state;
	world_start(limits);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		WORLD_CASE(whose_pump_is_killed_loses_what_is_his_and_nobody_else_does)};
	return cmocka_run_group_tests(tests, setup, world_teardown);
}
