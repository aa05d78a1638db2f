/* SPDX-License-Identifier: MIT */
/* Clients that are killed, at any moment of their lives. */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "tests/hostile/raw.h"
#include "tests/hostile/world.h"

enum {
	AREA = 256 * 1024,
	PIECE = 16 * 1024,
	PIECES = 8,
	KILLS = 60,
	LIFE_MOST_US = 20000,
	SEED = 99,
	GROWTH_MOST_KIB = 2048 /* leaking an area and its rings each time takes more */
};

static void flow_live(struct raw *r, struct raw_queue *q, int listener,
		      const struct sockaddr_in *at)
{
	char data[PIECE];
	union msg_any m;
	int peer = harness_connect(at), sock = accept(listener, NULL, NULL);
	uint32_t flow = raw_adopt(q, sock, 0);
	close(sock);
	for (uint64_t pos = 0; pos < PIECES * PIECE; pos += PIECE) {
		harness_pattern(data, SEED, pos, PIECE);
		if (send(peer, data, PIECE, MSG_NOSIGNAL) != PIECE)
			_exit(1);
		raw_stream(q, flow, SEED, pos, PIECE);
	}
	close(peer);
	raw_event(q, &m, NULL);
	raw_flow_close(r, flow, 0);
}

/* All that a client does, over and over. */
static void live(void)
{
	struct sockaddr_in at;
	int listener = harness_listen(&at);
	for (;;) {
		struct raw r;
		struct raw_queue q;
		raw_connect(&r);
		raw_queue_open(&q, &r, AREA, 0, 0);
		flow_live(&r, &q, listener, &at);
		union msg_any m = {.queue_close = {.queue_id = q.id}};
		raw_request(&r, MSG_QUEUE_CLOSE, &m, -1, NULL);
		raw_queue_drop(&q);
		raw_close(&r);
	}
}

static void one_life(uint32_t us)
{
	int status;
	pid_t pid = fork();
	assert_true(pid >= 0);
	if (pid == 0)
		live();
	usleep(us);
	assert_int_equal(kill(pid, SIGKILL), 0);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFSIGNALED(status)); /* not a failure of its own */
}

static void whoever_is_killed_leaves_nothing(void **state)
{
	uint64_t rss = 0;
	srandom(1);
	for (int i = 0; i < KILLS; i++) {
		one_life((uint32_t)random() % LIFE_MOST_US);
		world_is_empty(state);
		if (i == KILLS / 2)
			rss = world_rss_kib();
	}
	if (!world_is_sanitized()) /* those keep freed memory */
		assert_true(world_rss_kib() < rss + GROWTH_MOST_KIB);
}

int main(void)
{
	const struct CMUnitTest tests[] = {WORLD_CASE(whoever_is_killed_leaves_nothing)};
	return cmocka_run_group_tests(tests, world_setup, world_teardown);
}
