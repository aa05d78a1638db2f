/* SPDX-License-Identifier: MIT */
#include "tests/hostile/transfer.h"

#include <fcntl.h>
#include <json-c/json.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#define ENDLESS "1099511627776"
#define PORT    "30000"

static void exec_end(const char *const argv[], const char *socket, const int in[2],
		     const int out[2], pid_t parent)
{
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != parent)
		_exit(127);
	dup2(in[0], STDIN_FILENO);
	dup2(out[1], STDOUT_FILENO);
	setenv("ZCRX_SOCKET", socket, 1);
	execv(argv[0], (char *const *)(uintptr_t)argv);
	fprintf(stderr, "%s: %m\n", argv[0]);
	_exit(127);
}

static struct transfer_end end_start(const char *const argv[], const char *socket)
{
	int in[2], out[2];
	pid_t parent = getpid();
	assert_int_equal(pipe2(in, O_CLOEXEC), 0);
	assert_int_equal(pipe2(out, O_CLOEXEC), 0);
	pid_t pid = fork();
	if (pid == 0)
		exec_end(argv, socket, in, out, parent);
	assert_true(pid > 0);
	close(in[0]);
	close(out[1]);
	struct transfer_end e = {.pid = pid, .in = in[1], .out = fdopen(out[0], "r")};
	assert_non_null(e.out);
	return e;
}

void transfer_start(struct transfer *t, const char *socket, unsigned number, unsigned flows)
{
	char ip[32], n[16], line[64];
	unsigned pid = (unsigned)getpid();
	assert_true(number < 7);
	/* An address that nobody else uses: of the loopback device are all of 127.0.0.0/8. */
	snprintf(ip, sizeof(ip), "127.%u.%u.%u", 1 + (pid >> 13) % 250, pid >> 5 & 255,
		 (pid & 31) * 7 + 1 + number);
	snprintf(n, sizeof(n), "%u", flows);
	const char *const receive[] = {TRANSFER_MANY, "receive",   "listen",     ip,  PORT, n,
				       ENDLESS,       "backend=1", "open-ended", NULL};
	const char *const send[] = {TRANSFER_MANY, "send",       "connect", ip, PORT, n,
				    ENDLESS,       "open-ended", NULL};
	t->receives = end_start(receive, socket);
	const char *said = fgets(line, sizeof(line), t->receives.out);
	assert_true(said && strcmp(said, "ready\n") == 0);
	t->sends = end_start(send, socket);
}

static void goes_on(const struct transfer_end *e, const char *what)
{
	siginfo_t info = {0};
	assert_int_equal(waitid(P_PID, (id_t)e->pid, &info, WEXITED | WNOHANG | WNOWAIT), 0);
	if (info.si_pid)
		fail_msg("a %s ended with %d", what, info.si_status);
}

void transfer_goes_on(const struct transfer *t)
{
	goes_on(&t->receives, "receiver");
	goes_on(&t->sends, "sender");
}

/* What it says in the end, a JSON object. */
static struct json_object *end_of(struct transfer_end *e)
{
	char line[1024] = "";
	int status;
	close(e->in);
	const char *said = fgets(line, sizeof(line), e->out);
	fclose(e->out);
	assert_int_equal(waitpid(e->pid, &status, 0), e->pid);
	assert_int_equal(status, 0);
	struct json_object *o = json_tokener_parse(said ? said : "");
	assert_non_null(o);
	return o;
}

static uint64_t number_of(struct json_object *o, const char *key)
{
	return (uint64_t)json_object_get_int64(json_object_object_get(o, key));
}

uint64_t transfer_end(struct transfer *t, uint64_t *ret_bytes)
{
	struct json_object *sent = end_of(&t->sends), *got = end_of(&t->receives);
	uint64_t stall_ns = number_of(got, "stall_ns");
	*ret_bytes = number_of(got, "bytes");
	assert_int_equal(*ret_bytes, number_of(sent, "bytes"));
	json_object_put(sent);
	json_object_put(got);
	return stall_ns;
}
