/* SPDX-License-Identifier: MIT */
/* Limits of what a client has and asks for: what is beyond them is refused, or waits. */
#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "tests/harness/fds.h"
#include "tests/hostile/raw.h"
#include "tests/hostile/world.h"

enum {
	MIB = 1 << 20,
	/* The neighbour has one of each, and less than a MiB. */
	SESSIONS = 4,
	QUEUES = 3,
	FLOWS = 6,
	BYTES = 8 * MIB,
	RATE = 50
};

static const union msg_any nothing = {.area_del = {.area_id = 0}};

static void queues_beyond_the_limit_are_refused(void **state)
{
	(void)state;
	struct raw r;
	struct raw_queue q[QUEUES - 1];
	raw_connect(&r);
	for (int i = 0; i < QUEUES - 1; i++)
		raw_queue_open(&q[i], &r, 65536, 0, 0);
	int fd = raw_memfd(65536), fds[MSG_FDS_MAX];
	union msg_any open = {.queue_open = {.area_id = raw_area_add(&r, fd, 65536)}}, m = open;
	close(fd);
	raw_refused(&r, MSG_QUEUE_OPEN, open, -1, REASON_QUOTA, NULL);
	union msg_any end = {.queue_close = {.queue_id = q[0].id}};
	assert_int_equal(raw_request(&r, MSG_QUEUE_CLOSE, &end, -1, NULL), 0);
	assert_int_equal(raw_request(&r, MSG_QUEUE_OPEN, &m, -1, fds), 0);
	raw_refused(&r, MSG_QUEUE_OPEN, (union msg_any){.queue_open = {.area_id = q[0].area_id}},
		    -1, REASON_QUOTA, NULL);
	world_is_well();
	for (int i = 0; i < 3; i++)
		close(fds[i]);
	for (int i = 0; i < QUEUES - 1; i++)
		raw_queue_drop(&q[i]);
	raw_close(&r);
}

static void flows_beyond_the_limit_are_refused_and_connections_wait(void **state)
{
	(void)state;
	struct raw r;
	struct raw_queue q;
	struct sockaddr_in at;
	union msg_any m, adopt;
	uint32_t ids[FLOWS];
	int peers[FLOWS], own[FLOWS], n = 0;
	raw_connect(&r);
	raw_queue_open(&q, &r, 65536, 0, 0);
	int listener = harness_listen(&at);
	raw_adopt(&q, listener, MSG_FLOW_LISTEN); /* two: itself and its next connection */
	for (; n < FLOWS - 3; n++) {
		int pair[2];
		harness_pair(pair);
		peers[n] = pair[0];
		own[n] = pair[1];
		ids[n] = raw_adopt(&q, pair[1], 0);
	}
	harness_pair(&peers[n]);
	adopt = (union msg_any){.flow_adopt = {.queue_id = q.id}};
	raw_refused(&r, MSG_FLOW_ADOPT, adopt, peers[n], REASON_QUOTA, NULL);
	close(peers[n]);
	close(peers[n + 1]);

	int first = harness_connect(&at), second = harness_connect(&at);
	raw_event(&q, &m, NULL);
	assert_int_equal(m.hdr.type, MSG_FLOW_OPENED);
	usleep(100000);
	assert_int_equal(ring_load(&raw_daemon(&q)->events), 1);
	world_is_well();
	assert_int_equal(raw_flow_close(&r, ids[0], 0), 0);
	while (ring_load(&raw_daemon(&q)->events) < 2) { /* the closed one is in the ring still */
		struct raw_data d;
		assert_false(raw_take(&q, &d));
		raw_kick(&q);
	}
	raw_event(&q, &m, NULL); /* the second: it was let in when there was room */
	assert_int_equal(m.hdr.type, MSG_FLOW_OPENED);
	for (int i = 0; i < n; i++) {
		close(peers[i]);
		close(own[i]);
	}
	close(first);
	close(second);
	close(listener);
	raw_queue_drop(&q);
	raw_close(&r);
}

static void bytes_beyond_the_limit_are_refused(void **state)
{
	(void)state;
	struct raw r;
	raw_connect(&r);
	int fd = raw_memfd(BYTES);
	union msg_any m = {.area_add = {.kind = MSG_AREA_MEMFD, .length = BYTES}};
	raw_refused(&r, MSG_AREA_ADD, m, fd, REASON_QUOTA, NULL);
	m.area_add.length = BYTES - MIB;
	uint32_t id = raw_area_add(&r, fd, BYTES - MIB), again = raw_area_add(&r, fd, BYTES - MIB);
	int other = raw_memfd(BYTES - MIB);
	raw_refused(&r, MSG_AREA_ADD, m, other, REASON_QUOTA, NULL);
	close(other);
	m = (union msg_any){.area_del = {.area_id = again}};
	assert_int_equal(raw_request(&r, MSG_AREA_DEL, &m, -1, NULL), 0);
	m = (union msg_any){
		.queue_open = {.area_id = id, .cq_entries = 32768, .rq_entries = 32768}};
	raw_refused(&r, MSG_QUEUE_OPEN, m, -1, REASON_QUOTA, NULL); /* its rings cost, too */
	for (int i = 0; i < 10; i++) {                              /* and come back when they go */
		m = (union msg_any){.area_del = {.area_id = id}};
		assert_int_equal(raw_request(&r, MSG_AREA_DEL, &m, -1, NULL), 0);
		id = raw_area_add(&r, fd, BYTES - MIB);
	}
	world_is_well();
	close(fd);
	raw_close(&r);
}

/* Sessions that were closed count until the daemon has seen to it. */
static void connect_patiently(struct raw *r)
{
	union msg_any m;
	do {
		m = (union msg_any){.hello = {.version_min = 1, .version_max = 1}};
		m.hdr = (struct msg_hdr){.size = sizeof(m.hello), .type = MSG_HELLO, .serial = 1};
		raw_connect_mutely(r);
		send(r->sock, &m, sizeof(m.hello), MSG_NOSIGNAL); /* it may be refused already */
		raw_receive(r, &m, NULL);
		if (m.hdr.error)
			raw_close(r);
	} while (m.hdr.error == -EDQUOT);
	r->serial = 1;
}

/*
 * A process that connects, has the same area several times, and goes when told; or at once, and a
 * child that inherited the memory goes when told. Returns an end of a socketpair.
 */
static int other_process(uint64_t bytes, bool has_heir, pid_t *ret_pid)
{
	int pair[2];
	char go;
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
	*ret_pid = fork();
	assert_true(*ret_pid >= 0);
	if (*ret_pid == 0) {
		struct raw r;
		int fd = raw_memfd(bytes);
		close(pair[0]);
		for (int i = 0; i < 3; i++) { /* it comes back */
			connect_patiently(&r);
			union msg_any m = {.area_del = {.area_id = raw_area_add(&r, fd, bytes)}};
			raw_request(&r, MSG_AREA_DEL, &m, -1, NULL);
			raw_close(&r);
		}
		pid_t heir = has_heir ? fork() : 0;
		ssize_t n =
			heir ? 1 : send(pair[1], "", 1, MSG_NOSIGNAL) + recv(pair[1], &go, 1, 0);
		_exit(n != 1);
	}
	close(pair[1]);
	assert_int_equal(recv(pair[0], &go, 1, 0), 1);
	return pair[0];
}

static void memory_stays_charged_until_nobody_has_it(void **state)
{
	(void)state;
	struct raw r;
	pid_t pid;
	int other = other_process(BYTES - 2 * MIB, true, &pid), fd = raw_memfd(2 * MIB),
	    status = -1;
	union msg_any m = {.area_add = {.kind = MSG_AREA_MEMFD, .length = 2 * MIB}};
	assert_int_equal(waitpid(pid, &status, 0), pid); /* its child has the memory */
	assert_int_equal(status, 0);
	raw_connect(&r);
	raw_refused(&r, MSG_AREA_ADD, m, fd, REASON_QUOTA, NULL);
	close(other);
	union msg_any again;
	do {
		again = m;
		raw_request(&r, MSG_AREA_ADD, &again, fd, NULL);
	} while (again.hdr.error == -EDQUOT);
	assert_int_equal(again.hdr.error, 0);
	close(fd);
	raw_close(&r);
}

/* Neither that of areas, nor that of rings. */
static void memory_that_somebody_keeps_is_not_lent_again(void **state)
{
	(void)state;
	struct raw r;
	int fds[MSG_FDS_MAX], kept[2 * BYTES / MIB], n = 0;
	union msg_any m;
	raw_connect(&r);
	do {
		kept[n] = raw_memfd(MIB);
		m = (union msg_any){.area_add = {.kind = MSG_AREA_MEMFD, .length = MIB}};
		if (raw_request(&r, MSG_AREA_ADD, &m, kept[n], NULL) < 0)
			break;
		m = (union msg_any){.area_del = {.area_id = m.area_add_reply.area_id}};
		assert_int_equal(raw_request(&r, MSG_AREA_DEL, &m, -1, NULL), 0);
	} while (++n < BYTES / MIB);
	assert_true(n < BYTES / MIB); /* the neighbour has something, too */
	raw_is_refusal(&m, MSG_AREA_ADD, r.serial, REASON_QUOTA, NULL);
	for (int i = 0; i <= n; i++)
		close(kept[i]);
	uint32_t id = raw_area_add(&r, kept[0] = raw_memfd(65536), 65536);
	for (n = 0; n < 2 * BYTES / MIB; n++) { /* of each MiB the half is kept */
		m = (union msg_any){
			.queue_open = {.area_id = id, .cq_entries = 32768, .rq_entries = 32768}};
		if (raw_request(&r, MSG_QUEUE_OPEN, &m, -1, fds) < 0)
			break;
		kept[n] = fds[1];
		close(fds[0]);
		close(fds[2]);
		m = (union msg_any){.queue_close = {.queue_id = m.queue_open_reply.queue_id}};
		raw_request(&r, MSG_QUEUE_CLOSE, &m, -1, NULL);
	}
	assert_true(n > 0 && n < 2 * BYTES / MIB);
	raw_is_refusal(&m, MSG_QUEUE_OPEN, r.serial, REASON_QUOTA, NULL);
	while (n > 0)
		close(kept[--n]);
	raw_close(&r);
}

/* Processes that were clients and keep what they had. */
static void former_clients_cost_no_descriptor(void **state)
{
	(void)state;
	pid_t pids[4];
	int ends[4];
	world_rest(true); /* else the children inherit the neighbour's sockets and keep them */
	WORLD_UNTIL(world_sleeps());
	int fds = world_fds();
	for (int i = 0; i < 4; i++)
		ends[i] = other_process(4096, false, &pids[i]);
	WORLD_UNTIL(world_fds() == fds);
	for (int i = 0; i < 4; i++) {
		assert_int_equal(send(ends[i], "", 1, MSG_NOSIGNAL), 1);
		close(ends[i]);
		waitpid(pids[i], NULL, 0);
	}
	world_rest(false);
}

static void requests_beyond_the_rate_wait(void **state)
{
	(void)state;
	struct raw r;
	struct raw_queue q;
	int pair[2];
	raw_connect(&r);
	raw_queue_open(&q, &r, MIB, 0, 0);
	harness_pair(pair);
	uint32_t flow = raw_adopt(&q, pair[1], 0), asked = 0, answered = 0, first = r.serial + 1;
	uint64_t pos = 0, since = harness_now_ms();
	/* Its own stream goes on meanwhile, and does not hold them up. */
	while (answered < 2 * RATE) {
		union msg_any m;
		char data[4096];
		for (; asked < 2 * RATE && asked - answered < 16; asked++) {
			m = nothing;
			m.hdr = (struct msg_hdr){.size = sizeof(m.area_del),
						 .type = MSG_AREA_DEL,
						 .serial = ++r.serial};
			raw_send(&r, &m, sizeof(m.area_del), NULL, 0);
		}
		harness_pattern(data, 1, pos, sizeof(data));
		assert_int_equal(send(pair[0], data, sizeof(data), MSG_NOSIGNAL), sizeof(data));
		raw_stream(&q, flow, 1, pos, sizeof(data));
		pos += sizeof(data);
		usleep(500);
		if (harness_now_ms() - since > WORLD_PATIENCE_MS)
			fail_msg("only %u requests were answered", answered);
		for (; recv(r.sock, &m, sizeof(m), MSG_DONTWAIT) > 0; answered++)
			raw_is_refusal(&m, MSG_AREA_DEL, first + answered, REASON_NO_OBJECT, NULL);
	}
	assert_in_range(harness_now_ms() - since, 900, 10000);
	world_is_well();
	close(pair[0]);
	close(pair[1]);
	raw_queue_drop(&q);
	raw_close(&r);
}

static int setup(void **state)
{
	char config[256];
	(void)state;
	snprintf(config, sizeof(config),
		 "[class default]\nsessions=%d\nqueues=%d\nflows=%d\narea-bytes=%d\n"
		 "requests-per-second=%d\n",
		 SESSIONS, QUEUES, FLOWS, BYTES, RATE);
	world_start(config);
	return 0;
}

/* What a process had stays charged until it exits, so each case has a daemon of its own. */
#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, world_close)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(queues_beyond_the_limit_are_refused),
		CASE(flows_beyond_the_limit_are_refused_and_connections_wait),
		CASE(bytes_beyond_the_limit_are_refused),
		CASE(memory_stays_charged_until_nobody_has_it),
		CASE(memory_that_somebody_keeps_is_not_lent_again),
		CASE(former_clients_cost_no_descriptor),
		CASE(requests_beyond_the_rate_wait),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
