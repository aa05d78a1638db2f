/* SPDX-License-Identifier: MIT */
/*
 * What makes a client's thread in the daemon work for nothing costs the daemon no more than a small
 * multiple of what it costs the client. Processor time is compared with processor time, so that it
 * does not matter what else the machine does.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "tests/hostile/raw.h"
#include "tests/hostile/world.h"

enum {
	CULPRITS = 8,
#ifdef __SANITIZE_THREAD__ /* costs the daemon more than who mostly makes system calls */
	SMALL_MULTIPLE = 8,
#else
	SMALL_MULTIPLE = 4,
#endif
	SECONDS = 2,
	PAUSE_US = 500,
	BUFFERS = 16,
	ENTRIES = 32768, /* of the refill ring, as many as a client gets */
	WAKING_MS = 50   /* of the daemon, whatever the culprits spend: waking it costs, too */
};

struct culprit {
	struct raw r;
	struct raw_queue q;
	int sock[2]; /* sender, adopted */
	uint32_t flow;
	unsigned round;
};

static struct culprit culprits[CULPRITS];

static void culprit_open(struct culprit *c)
{
	uint32_t page = (uint32_t)sysconf(_SC_PAGESIZE);
	raw_connect(&c->r);
	raw_queue_wish(&c->q, &c->r, (size_t)BUFFERS * page,
		       (struct msg_queue_open){.backend = MSG_BACKEND_COPY,
					       .buffer_bytes = page,
					       .cq_entries = 64,
					       .rq_entries = ENTRIES});
	harness_pair(c->sock);
	c->flow = raw_adopt(&c->q, c->sock[1], 0);
	c->round = 0;
}

static int open_case(void **state)
{
	(void)state;
	for (int i = 0; i < CULPRITS; i++)
		culprit_open(&culprits[i]);
	return 0;
}

static int close_case(void **state)
{
	for (int i = 0; i < CULPRITS; i++) {
		struct culprit *c = &culprits[i];
		raw_queue_drop(&c->q);
		raw_close(&c->r);
		close(c->sock[0]);
		close(c->sock[1]);
	}
	return world_is_empty(state);
}

static uint64_t own_us(void)
{
	struct timespec t;
	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
	return (uint64_t)t.tv_sec * 1000000 + (uint64_t)t.tv_nsec / 1000;
}

/* Each culprit does it, again and again. pause_us: between rounds. */
static void costs_little(void (*act)(struct culprit *c), useconds_t pause_us)
{
	world_rest(true);
	uint64_t until = harness_now_ms() + SECONDS * 1000ull;
	uint64_t own = own_us(), theirs = world_cpu_us();
	while (harness_now_ms() < until) {
		for (int i = 0; i < CULPRITS; i++, culprits[i - 1].round++)
			act(&culprits[i]);
		usleep(pause_us);
	}
	own = own_us() - own;
	theirs = world_cpu_us() - theirs;
	print_message("%ju ms of the daemon for %ju ms of the culprits\n", (uintmax_t)theirs / 1000,
		      (uintmax_t)own / 1000);
	if (theirs > SMALL_MULTIPLE * own + WAKING_MS * 1000ull)
		fail_msg("more than %d times as much", SMALL_MULTIPLE);
	world_rest(false);
	world_is_well();
}

/* A flow that is closed with data unread waits for the client. */
static void leave_a_dead_flow(void)
{
	for (int i = 0; i < CULPRITS; i++) {
		struct culprit *c = &culprits[i];
		assert_int_equal(send(c->sock[0], "x", 1, MSG_NOSIGNAL), 1);
		WORLD_UNTIL(raw_tail(&c->q) > 0);
		assert_int_equal(raw_flow_close(&c->r, c->flow, 0), 0);
	}
}

/* Kicks as the protocol has it. */
static void kick_if_asked(struct culprit *c)
{
	uint32_t kick = ring_load(&raw_daemon(&c->q)->kick);
	if (kick == 0 || kick == c->q.kicked)
		return;
	c->q.kicked = kick;
	send(c->q.channel, "", 1, MSG_DONTWAIT | MSG_NOSIGNAL);
}

static void jump_with_the_tail(struct culprit *c)
{
	c->q.refills += ENTRIES;
	ring_store((void *)(c->q.rq + c->q.at.rq_tail), c->q.refills);
	kick_if_asked(c);
}

static void refills_that_are_none(void **state)
{
	(void)state;
	leave_a_dead_flow();
	costs_little(jump_with_the_tail, PAUSE_US);
}

static void jump_and_sleep(struct culprit *c)
{
	ring_store(&raw_client(&c->q)->wake, 1);
	jump_with_the_tail(c);
}

static void refills_that_are_none_of_one_who_sleeps(void **state)
{
	(void)state;
	leave_a_dead_flow();
	costs_little(jump_and_sleep, PAUSE_US);
}

/* Sends as many wrong refills as a turn reads before it stops, and one that is right. */
static void jump_and_have_data(struct culprit *c)
{
	struct raw_data d;
	assert_int_equal(send(c->sock[0], "x", 1, MSG_NOSIGNAL), 1);
	if (raw_take(&c->q, &d)) {
		c->q.refills += 60;
		raw_refill(&c->q, d.off, 0);
	}
	kick_if_asked(c);
}

static void refills_that_are_none_among_data(void **state)
{
	(void)state;
	costs_little(jump_and_have_data, PAUSE_US);
}

static void lie_about_the_head(struct culprit *c)
{
	ring_store(&raw_client(&c->q)->cq_head, 0u - c->round);
	ring_store(&raw_client(&c->q)->side_head, c->round);
	kick_if_asked(c);
}

static void heads_out_of_range(void **state)
{
	(void)state;
	leave_a_dead_flow();
	costs_little(lie_about_the_head, PAUSE_US);
}

static void kick(struct culprit *c)
{
	send(c->q.channel, "", 1, MSG_DONTWAIT | MSG_NOSIGNAL);
}

static void kicks_now_and_then(void **state)
{
	(void)state;
	costs_little(kick, PAUSE_US);
}

static void kicks_without_end(void **state)
{
	(void)state;
	costs_little(kick, 0);
}

static void have_the_socket_wake(struct culprit *c)
{
	int least = 1;
	setsockopt(c->sock[1], SOL_SOCKET, SO_RCVLOWAT, &least, sizeof(least));
}

/* Nothing can be received: it holds all buffers. */
static void wake_ups_of_a_socket_that_waits(void **state)
{
	static const char data[65536];
	(void)state;
	for (int i = 0; i < CULPRITS; i++) {
		struct culprit *c = &culprits[i];
		for (int n = 0; n < 8; n++)
			send(c->sock[0], data, sizeof(data), MSG_DONTWAIT | MSG_NOSIGNAL);
		WORLD_UNTIL(ring_load(&raw_daemon(&c->q)->starved));
	}
	costs_little(have_the_socket_wake, 0);
}

static void pause_or_resume(struct culprit *c)
{
	union msg_any m = {.flow_pause = {.flow_id = c->flow, .on = !(c->round & 1)}};
	assert_int_equal(raw_request(&c->r, MSG_FLOW_PAUSE, &m, -1, NULL), 0);
}

static void pauses(void **state)
{
	(void)state;
	costs_little(pause_or_resume, PAUSE_US);
}

static void ask_for_nothing(struct culprit *c)
{
	union msg_any m = {.area_del = {.area_id = 0}};
	assert_int_equal(raw_request(&c->r, MSG_AREA_DEL, &m, -1, NULL), -ENOENT);
}

static void requests_that_are_refused(void **state)
{
	(void)state;
	costs_little(ask_for_nothing, PAUSE_US);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, open_case, close_case)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(refills_that_are_none),
		CASE(refills_that_are_none_of_one_who_sleeps),
		CASE(refills_that_are_none_among_data),
		CASE(heads_out_of_range),
		CASE(kicks_now_and_then),
		CASE(kicks_without_end),
		CASE(wake_ups_of_a_socket_that_waits),
		CASE(pauses),
		CASE(requests_that_are_refused),
	};
	return cmocka_run_group_tests(tests, world_setup, world_teardown);
}
