/* SPDX-License-Identifier: MIT */
/* The example programs do what they say. */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "tests/harness/harness.h"

#define MIB (1ull << 20)

static struct harness_daemon zcrxd;
static pid_t child;

static int setup(void **state)
{
	(void)state;
	harness_daemon_start(&zcrxd, NULL);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	if (child > 0) {
		kill(child, SIGKILL);
		waitpid(child, NULL, 0);
		child = 0;
	}
	harness_daemon_stop(&zcrxd);
	return 0;
}

/* A port that nobody has, and that the kernel gives nobody who asks for any. */
static struct sockaddr_in port_free(void)
{
	static uint32_t next;
	struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	int r;
	do {
		int sock = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
		at.sin_port = htons((uint16_t)(10000 + ((uint32_t)getpid() + next++) % 20000));
		r = bind(sock, (const struct sockaddr *)&at, sizeof(at));
		close(sock);
	} while (r < 0);
	return at;
}

/* Starts a program on that port; returns the reading end of its output. */
static int example_start(const char *program, const struct sockaddr_in *at, const char *server_port)
{
	int pipes[2];
	char port[8];
	snprintf(port, sizeof(port), "%u", ntohs(at->sin_port));
	assert_int_equal(pipe2(pipes, O_CLOEXEC), 0);
	child = fork();
	if (child == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		setenv("ZCRX_SOCKET", zcrxd.socket, 1);
		dup2(pipes[1], STDOUT_FILENO);
		execl(program, program, port, server_port ? "127.0.0.1" : NULL, server_port, NULL);
		_exit(127);
	}
	assert_true(child > 0);
	close(pipes[1]);
	return pipes[0];
}

/* Connects as soon as the program listens. */
static int connect_soon(const struct sockaddr_in *at)
{
	uint64_t until = harness_now_ms() + HARNESS_PATIENCE_MS;
	int sock = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	while (connect(sock, (const struct sockaddr *)at, sizeof(*at)) < 0) {
		assert_true(harness_now_ms() < until);
		usleep(5000);
	}
	return sock;
}

/* The exit status of the program for this port. */
static int status_with(const char *program, const char *port, const char *host)
{
	int status;
	child = fork();
	if (child == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		setenv("ZCRX_SOCKET", "/nonexistent", 1);
		execl(program, program, port, host, host ? "9" : NULL, NULL);
		_exit(127);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	child = 0;
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static void a_port_that_is_none_is_wrong_usage(void **state)
{
	(void)state;
	const char *const ports[] = {"", "x", "5001x", "-1", "0", "65536", "70000"};
	for (size_t i = 0; i < sizeof(ports) / sizeof(ports[0]); i++) {
		assert_int_equal(status_with(EXAMPLE_RECV, ports[i], NULL), 2);
		assert_int_equal(status_with(EXAMPLE_RELAY, ports[i], "127.0.0.1"), 2);
	}
	assert_int_equal(status_with(EXAMPLE_RECV, "65535", NULL), 1);
}

static void recv_tells_how_much_came(void **state)
{
	(void)state;
	struct sockaddr_in at = port_free();
	char line[128];
	FILE *out = fdopen(example_start(EXAMPLE_RECV, &at, NULL), "r");
	assert_non_null(out);
	assert_int_equal(harness_send_wait(harness_send(connect_soon(&at), 1, MIB, HARNESS_FIN)),
			 0);
	assert_non_null(fgets(line, sizeof(line), out));
	assert_non_null(strstr(line, "1048576 bytes"));
	assert_non_null(strstr(line, "complete"));
	assert_int_equal(harness_send_wait(harness_send(connect_soon(&at), 1, 1000, HARNESS_RESET)),
			 0);
	assert_non_null(fgets(line, sizeof(line), out));
	assert_non_null(strstr(line, "1000 bytes"));
	assert_non_null(strstr(line, "cut off"));
	fclose(out);
}

/* ---- relay ---- */

static int relay_start(struct sockaddr_in *ret_at)
{
	struct sockaddr_in server;
	char port[8];
	int listener = harness_listen(&server);
	snprintf(port, sizeof(port), "%u", ntohs(server.sin_port));
	*ret_at = port_free();
	close(example_start(EXAMPLE_RELAY, ret_at, port));
	return listener;
}

/* Reads the stream up to its end; returns its length, and how it ended in errno. */
static uint64_t drain(int sock, uint64_t seed)
{
	char piece[64 * 1024];
	uint64_t pos = 0;
	ssize_t n;
	while ((n = recv(sock, piece, sizeof(piece), 0)) > 0) {
		assert_true(harness_pattern_is(piece, seed, pos, (size_t)n));
		pos += (uint64_t)n;
	}
	if (n == 0)
		errno = 0;
	return pos;
}

static void relay_passes_on_every_byte_and_the_end(void **state)
{
	(void)state;
	struct sockaddr_in at;
	int listener = relay_start(&at);
	const uint64_t lengths[] = {0, 1, 100000, 64 * MIB};
	for (size_t i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++) {
		struct harness_sender *sender =
			harness_send(connect_soon(&at), i, lengths[i], HARNESS_FIN);
		int sock = accept(listener, NULL, NULL);
		assert_int_equal(drain(sock, i), lengths[i]);
		assert_int_equal(errno, 0);
		assert_int_equal(harness_send_wait(sender), 0);
		close(sock);
	}
	close(listener);
}

static void relay_waits_for_a_slow_server_without_losing_anything(void **state)
{
	(void)state;
	struct sockaddr_in at;
	int listener = relay_start(&at);
	struct harness_sender *sender = harness_send(connect_soon(&at), 5, 128 * MIB, HARNESS_FIN);
	int sock = accept(listener, NULL, NULL);
	usleep(200000);
	assert_int_equal(drain(sock, 5), 128 * MIB);
	assert_int_equal(harness_send_wait(sender), 0);
	close(sock);
	close(listener);
}

static void relay_does_not_mind_what_the_server_says(void **state)
{
	(void)state;
	struct sockaddr_in at;
	int listener = relay_start(&at);
	int sender = connect_soon(&at);
	int sock = accept(listener, NULL, NULL);
	assert_int_equal(send(sock, "220 hello\r\n", 11, 0), 11);
	assert_int_equal(shutdown(sock, SHUT_WR), 0);
	struct harness_sender *s = harness_send(sender, 6, 8 * MIB, HARNESS_FIN);
	assert_int_equal(drain(sock, 6), 8 * MIB);
	assert_int_equal(errno, 0);
	assert_int_equal(harness_send_wait(s), 0);
	close(sock);
	close(listener);
}

static void relay_turns_a_reset_into_a_reset(void **state)
{
	(void)state;
	struct sockaddr_in at;
	int listener = relay_start(&at);
	struct harness_sender *s = harness_send(connect_soon(&at), 7, MIB, HARNESS_RESET);
	int sock = accept(listener, NULL, NULL);
	drain(sock, 7);
	assert_int_equal(errno, ECONNRESET);
	assert_int_equal(harness_send_wait(s), 0);
	close(sock);
	close(listener);
}

static void relay_resets_the_sender_when_the_server_goes(void **state)
{
	(void)state;
	struct sockaddr_in at;
	int listener = relay_start(&at);
	struct harness_sender *s = harness_send(connect_soon(&at), 8, 1ull << 40, HARNESS_FIN);
	int sock = accept(listener, NULL, NULL);
	char byte;
	assert_int_equal(recv(sock, &byte, 1, 0), 1);
	close(sock);
	assert_true(harness_send_wait(s) < 0);
	close(listener);

	s = harness_send(connect_soon(&at), 9, 1ull << 40, HARNESS_FIN);
	assert_true(harness_send_wait(s) < 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_port_that_is_none_is_wrong_usage),
		TEST(recv_tells_how_much_came),
		TEST(relay_passes_on_every_byte_and_the_end),
		TEST(relay_waits_for_a_slow_server_without_losing_anything),
		TEST(relay_does_not_mind_what_the_server_says),
		TEST(relay_turns_a_reset_into_a_reset),
		TEST(relay_resets_the_sender_when_the_server_goes),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
