/* SPDX-License-Identifier: MIT */
/* Limits of who connects: who is beyond them is refused and told so; nobody else notices. */
#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "tests/harness/fds.h"
#include "tests/hostile/raw.h"
#include "tests/hostile/world.h"

#ifndef SO_PASSRIGHTS
#define SO_PASSRIGHTS 83 /* Linux 6.16, asm-generic/socket.h */
#endif

enum {
	MIB = 1 << 20,
	SESSIONS = 4,    /* the neighbour has one of them */
	CONNECTIONS = 3, /* in a second, of cases of their own */
	FLOOD_MS = 2000,
	FLOODERS = 4
};

static void hello_refused(const struct raw *r, uint32_t reason)
{
	union msg_any m;
	assert_int_equal(raw_receive(r, &m, NULL), sizeof(m.fail));
	raw_is_refusal(&m, MSG_HELLO, 1, reason, NULL);
	raw_ended(r);
}

static void sessions_beyond_the_limit_are_refused_at_hello(void **state)
{
	(void)state;
	struct raw r[SESSIONS - 1], more;
	union msg_any m = {.hello = {.version_min = 1, .version_max = 1}};
	for (int i = 0; i < SESSIONS - 1; i++)
		raw_connect(&r[i]);
	for (int i = 0; i < 20; i++) {
		raw_connect_mutely(&more);
		if (i % 2) {
			m.hdr = (struct msg_hdr){.size = sizeof(m.hello),
						 .type = MSG_HELLO,
						 .serial = 1};
			send(more.sock, &m, sizeof(m.hello), MSG_NOSIGNAL);
		}
		hello_refused(&more, REASON_QUOTA);
		raw_close(&more);
	}
	world_is_well();
	raw_close(&r[0]);
	WORLD_UNTIL(world_clients() == SESSIONS - 1);
	raw_connect(&r[0]);
	for (int i = 0; i < SESSIONS - 1; i++)
		raw_close(&r[i]);
}

/*
 * Sends a socket whose close waits for an hour, and which only the datagram in flight holds. False
 * if the kernel does not let it through.
 */
static bool send_lingerer(int to)
{
	static const char data[MIB];
	struct linger hour = {.l_onoff = 1, .l_linger = 3600};
	int pair[2];
	harness_pair(pair);
	assert_int_equal(setsockopt(pair[1], SOL_SOCKET, SO_LINGER, &hour, sizeof(hour)), 0);
	while (send(pair[1], data, sizeof(data), MSG_DONTWAIT | MSG_NOSIGNAL) > 0)
		;
	bool sent = fds_send(to, "x", 1, &pair[1], 1, 0) == 0;
	if (!sent)
		harness_reset_on_close(pair[1]);
	close(pair[1]); /* its peer, pair[0], stays and reads nothing */
	return sent;
}

/* Before Linux 6.16 nothing keeps such a socket out. */
static void need_passrights(void)
{
	int pair[2], off = 0;
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
	int r = setsockopt(pair[0], SOL_SOCKET, SO_PASSRIGHTS, &off, sizeof(off));
	close(pair[0]);
	close(pair[1]);
	if (r == 0)
		return;
	print_message("skip: this kernel cannot keep descriptors out (SO_PASSRIGHTS)\n");
	skip();
}

static void a_refused_client_cannot_make_the_daemon_linger(void **state)
{
	(void)state;
	struct raw r[SESSIONS - 1], more;
	for (int i = 0; i < SESSIONS - 1; i++)
		raw_connect(&r[i]);
	kill(zcrxd.pid, SIGSTOP); /* so that it finds the message when it refuses */
	raw_connect_mutely(&more);
	send_lingerer(more.sock); /* before Linux 6.16; since then the kernel keeps it out */
	kill(zcrxd.pid, SIGCONT);
	usleep(50000);
	world_is_well();
	hello_refused(&more, REASON_QUOTA);
	raw_close(&more);
	world_is_well();
	for (int i = 0; i < SESSIONS - 1; i++)
		raw_close(&r[i]);
}

static void a_reader_of_the_status_cannot_make_the_daemon_linger(void **state)
{
	(void)state;
	struct sockaddr_un at = {.sun_family = AF_UNIX};
	need_passrights();
	memcpy(at.sun_path, zcrxd.status, strlen(zcrxd.status));
	int sock = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_int_equal(connect(sock, (struct sockaddr *)&at, sizeof(at)), 0);
	assert_false(send_lingerer(sock));
	close(sock);
	world_is_well();
}

/* Says HELLO, unless zcrxd has hung up already. Returns the error of the reply. */
static int greeted(const struct raw *r)
{
	union msg_any m = {.hello = {.version_min = 1, .version_max = 1}};
	m.hdr = (struct msg_hdr){.size = sizeof(m.hello), .type = MSG_HELLO, .serial = 1};
	send(r->sock, &m, sizeof(m.hello), MSG_NOSIGNAL);
	assert_true(raw_receive(r, &m, NULL) >= sizeof(m.hdr));
	return m.hdr.error;
}

/* All are admitted if a new second begins between them; then they come again. */
static void connections_beyond_the_rate_are_refused(void **state)
{
	(void)state;
	struct raw r[CONNECTIONS + 1];
	int error = 0;
	for (int tries = 0; error == 0 && tries < 20; tries++) {
		for (int i = 0; i <= CONNECTIONS; i++)
			raw_connect_mutely(&r[i]);
		for (int i = 0; i <= CONNECTIONS; i++) {
			int answer = greeted(&r[i]);
			error = answer ? answer : error;
		}
		for (int i = 0; i <= CONNECTIONS; i++)
			raw_close(&r[i]);
		WORLD_UNTIL(world_clients() == 1);
	}
	assert_int_equal(error, -EDQUOT);
	world_is_well();
	while (error == -EDQUOT) {
		raw_connect_mutely(&r[0]);
		error = greeted(&r[0]);
		raw_close(&r[0]);
	}
	assert_int_equal(error, 0);
}

/* Connects and hangs up, as fast as it can. */
static _Noreturn void flood(void)
{
	struct sockaddr_un at = {.sun_family = AF_UNIX};
	memcpy(at.sun_path, zcrxd.socket, strlen(zcrxd.socket));
	for (uint64_t until = harness_now_ms() + FLOOD_MS; harness_now_ms() < until;) {
		int sock = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
		connect(sock, (struct sockaddr *)&at, sizeof(at));
		close(sock);
	}
	_exit(0);
}

/* Without a bound the daemon would compute for as long as it is let. */
static void a_flood_that_is_refused_costs_little(void **state)
{
	(void)state;
	pid_t flooders[FLOODERS];
	int status;
	world_rest(true);
	uint64_t cpu_us = world_cpu_us(), since = harness_now_ms();
	for (int i = 0; i < FLOODERS; i++) {
		flooders[i] = fork();
		if (flooders[i] == 0)
			flood();
	}
	for (int i = 0; i < FLOODERS; i++)
		waitpid(flooders[i], &status, 0);
	cpu_us = world_cpu_us() - cpu_us;
	assert_in_range(cpu_us, 0, (harness_now_ms() - since) * 1000 / 8);
	world_rest(false);
	world_is_well();
}

/* The lowest descriptor the daemon does not use. */
static rlim_t first_free(void)
{
	char path[64];
	for (rlim_t fd = 0;; fd++) {
		snprintf(path, sizeof(path), "/proc/%d/fd/%ju", (int)zcrxd.pid, (uintmax_t)fd);
		if (access(path, F_OK) < 0 && errno == ENOENT)
			return fd;
	}
}

static void without_descriptors_the_daemon_says_so_and_rests(void **state)
{
	(void)state;
	struct rlimit was, few;
	struct raw r;
	assert_int_equal(prlimit(zcrxd.pid, RLIMIT_NOFILE, NULL, &was), 0);
	few = (struct rlimit){.rlim_cur = first_free(), .rlim_max = was.rlim_max};
	assert_int_equal(prlimit(zcrxd.pid, RLIMIT_NOFILE, &few, NULL), 0);
	world_rest(true);
	uint64_t cpu = world_cpu_us(), since = harness_now_ms();
	for (int i = 0; i < 2; i++) {
		raw_connect_mutely(&r);
		hello_refused(&r, REASON_DAEMON_LIMIT);
		raw_close(&r);
	}
	assert_true((world_cpu_us() - cpu) / 1000 <= (harness_now_ms() - since) / 2 + 100);
	assert_int_equal(prlimit(zcrxd.pid, RLIMIT_NOFILE, &was, NULL), 0);
	world_rest(false);
	raw_connect(&r);
	raw_close(&r);
}

static int setup(void **state)
{
	char config[128];
	(void)state;
	snprintf(config, sizeof(config), "[class default]\nsessions=%d\n", SESSIONS);
	world_start(config);
	return 0;
}

static int setup_rate(void **state)
{
	char config[128];
	(void)state;
	snprintf(config, sizeof(config), "[class default]\nconnections-per-second=%d\n",
		 CONNECTIONS);
	world_start(config);
	return 0;
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, world_close)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(sessions_beyond_the_limit_are_refused_at_hello),
		cmocka_unit_test_setup_teardown(connections_beyond_the_rate_are_refused, setup_rate,
						world_close),
		cmocka_unit_test_setup_teardown(a_flood_that_is_refused_costs_little, setup_rate,
						world_close),
		CASE(without_descriptors_the_daemon_says_so_and_rests),
		CASE(a_refused_client_cannot_make_the_daemon_linger),
		CASE(a_reader_of_the_status_cannot_make_the_daemon_linger),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
