/* SPDX-License-Identifier: MIT */
/* zcrx_connect and what a request does when the daemon does not answer well. */
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <limits.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "proto/reason.h"
#include "tests/lib/fake.h"

static struct fake fake;

static int setup(void **state)
{
	(void)state;
	fake_start(&fake);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	fake_stop(&fake);
	return 0;
}

static void expect_sentence(const char *sentence, const char *part)
{
	if (!strstr(sentence, part))
		fail_msg("\"%s\" lacks \"%s\"", sentence, part);
}

static void refuse_connect(const char *path, int error, const char *part)
{
	struct zcrx *z = NULL;
	assert_int_equal(zcrx_connect(&z, path), error);
	assert_null(z);
	expect_sentence(zcrx_error(NULL), part);
}

static void says_where_no_daemon_listens(void **state)
{
	(void)state;
	refuse_connect("/nonexistent/sock", -ENOENT, "No zcrxd listens at /nonexistent/sock");
}

/* Whatever is in the way there, it is not a daemon that refuses. */
static void says_so_where_something_else_lies(void **state)
{
	(void)state;
	char path[sizeof(((struct sockaddr_un *)0)->sun_path)];
	int sock = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	struct sockaddr_un at = {.sun_family = AF_UNIX};
	snprintf(path, sizeof(path), "%s/other", fake.dir);
	strcpy(at.sun_path, path);
	assert_int_equal(bind(sock, (struct sockaddr *)&at, sizeof(at)), 0);
	assert_int_equal(listen(sock, 1), 0);
	refuse_connect(path, -EPROTOTYPE, "is no clients' socket of zcrxd (its status socket?).");
	unlink(path);
	assert_int_equal(symlink("other", path), 0);
	refuse_connect(path, -ENOENT, "No zcrxd listens at");
	unlink(path);
	close(sock);
	refuse_connect("/dev/null/sock", -ENOENT, "No zcrxd listens at /dev/null/sock");
}

static void says_so_when_a_socket_is_left_over(void **state)
{
	(void)state;
	shutdown(fake.listener, SHUT_RDWR);
	refuse_connect(fake.path, -ECONNREFUSED, "No zcrxd listens at");
}

/* The first connections end when the daemon has read their first request, as if it were killed. */
static void hang_up_at_first(const union msg_any *request, struct fake_reply *r, void *data)
{
	int *left = data;
	(void)request;
	r->withhold = r->hang_up = *left > 0;
	*left -= *left > 0;
}

static void tries_again_when_the_daemon_goes_away(void **state)
{
	(void)state;
	struct zcrx *z;
	int times = 3;
	fake.change = hang_up_at_first;
	fake.data = &times;
	assert_int_equal(zcrx_connect(&z, fake.path), 0);
	assert_string_equal(zcrx_error(z), "");
	assert_int_equal(fake_requests(&fake, MSG_HELLO), 4);
	zcrx_close(z);
}

static void gives_up_when_the_daemon_admits_nobody(void **state)
{
	(void)state;
	int times = INT_MAX;
	fake.change = hang_up_at_first;
	fake.data = &times;
	refuse_connect(fake.path, -ECONNRESET, "zcrxd ended the connection.");
}

static void refuses_a_path_that_is_too_long(void **state)
{
	(void)state;
	char path[sizeof(((struct sockaddr_un *)0)->sun_path) + 1];
	memset(path, 'a', sizeof(path));
	path[sizeof(path) - 1] = '\0';
	refuse_connect(path, -ENAMETOOLONG, "too long");
}

static void refuses_an_empty_path(void **state)
{
	(void)state;
	refuse_connect("", -EINVAL, "The path is empty.");
}

/* What somebody reads who may not use the fake's socket, which is of this group. */
static void says_without_permission(gid_t group, const char *said)
{
	struct zcrx *z;
	chmod(fake.dir, 0755);
	chmod(fake.path, 0600);
	bool given = chown(fake.path, (uid_t)-1, group) == 0;
	pid_t child = fork();
	if (child == 0) {
		if (!given || setgroups(0, NULL) < 0 || setgid(65534) < 0 || setuid(65534) < 0)
			_exit(77);
		int r = zcrx_connect(&z, fake.path);
		_exit(r == -EACCES && strstr(zcrx_error(NULL), said) ? 0 : 1);
	}
	int status;
	assert_int_equal(waitpid(child, &status, 0), child);
	if (WIFEXITED(status) && WEXITSTATUS(status) == 77) {
		print_message("skip: needs root to become somebody else\n");
		skip();
	}
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0);
}

static void says_what_to_do_without_permission(void **state)
{
	(void)state;
	struct group *one = getgrgid(1);
	char named[128];
	says_without_permission(0, "ask for group= and mode= in [sockets] of zcrxd.conf.");
	says_without_permission(54321, "join the group with the number 54321.");
	if (one) {
		snprintf(named, sizeof(named), "join the group %s.", one->gr_name);
		says_without_permission(1, named);
	}
}

static void finds_the_daemon_through_the_environment(void **state)
{
	(void)state;
	struct zcrx *z;
	setenv("ZCRX_SOCKET", fake.path, 1);
	assert_int_equal(zcrx_connect(&z, NULL), 0);
	assert_string_equal(zcrx_error(z), "");
	zcrx_close(z);
	setenv("ZCRX_SOCKET", "/nonexistent/other", 1);
	refuse_connect(NULL, -ENOENT, "/nonexistent/other");
	unsetenv("ZCRX_SOCKET");
}

static void tells_the_daemon_its_name_and_version(void **state)
{
	(void)state;
	struct zcrx *z;
	assert_int_equal(zcrx_connect(&z, fake.path), 0);
	union msg_any hello = fake_last_request(&fake);
	assert_int_equal(hello.hdr.type, MSG_HELLO);
	assert_int_equal(hello.hello.version_min, MSG_VERSION);
	assert_int_equal(hello.hello.version_max, MSG_VERSION);
	assert_string_equal(hello.hello.name, program_invocation_short_name);
	zcrx_close(z);
}

static void newer(const union msg_any *request, struct fake_reply *r, void *data)
{
	(void)request;
	(void)data;
	r->m.hello_reply.version = MSG_VERSION + 1;
}

static void refuses_another_version(void **state)
{
	(void)state;
	fake.change = newer;
	refuse_connect(fake.path, -EPROTO, "version 2");
}

static void refusal(const union msg_any *request, struct fake_reply *r, void *data)
{
	(void)request;
	const struct msg_fail *fail = data;
	uint32_t serial = r->m.hdr.serial;
	uint16_t type = r->m.hdr.type;
	r->m.fail = *fail;
	r->m.hdr.size = sizeof(*fail);
	r->m.hdr.type = type;
	r->m.hdr.serial = serial;
}

static void passes_on_the_daemons_error_and_sentence(void **state)
{
	(void)state;
	struct msg_fail fail = {.hdr.error = -EDQUOT, .text = "Only 3 sessions are yours."};
	fake.change = refusal;
	fake.data = &fail;
	refuse_connect(fake.path, -EDQUOT, "Only 3 sessions are yours.");
}

static void falls_back_on_the_reasons_own_sentence(void **state)
{
	(void)state;
	struct msg_fail fail = {.hdr.error = -EDQUOT, .reason = REASON_QUOTA};
	fake.change = refusal;
	fake.data = &fail;
	refuse_connect(fake.path, -EDQUOT, reason_text(REASON_QUOTA));
}

/* Whether HELLO cannot be sent any more, is sent in time, or is reset, the refusal is read, once.
 */
static void reads_why_it_is_turned_away(void **state)
{
	(void)state;
	struct msg_fail fail = {.hdr.error = -EPERM, .reason = REASON_DENIED, .text = "Not you."};
	fake.turns_away = &fail;
	for (int i = 0; i < 50; i++) {
		fake.waits = i % 2;
		refuse_connect(fake.path, -EPERM, "Not you.");
	}
	assert_int_equal(fake.turned_away, 50);
}

static void turn_away_next(const union msg_any *request, struct fake_reply *r, void *data)
{
	(void)request;
	r->withhold = r->hang_up = true;
	fake.turns_away = data;
}

/* The refusal is of the next daemon, which has not read the HELLO. */
static void reads_why_it_is_turned_away_by_the_next_daemon(void **state)
{
	(void)state;
	struct msg_fail fail = {.hdr.error = -EPERM, .reason = REASON_DENIED, .text = "Not you."};
	fake.change = turn_away_next;
	fake.data = &fail;
	refuse_connect(fake.path, -EPERM, "Not you.");
}

static void survives_a_sentence_without_an_end(void **state)
{
	(void)state;
	struct msg_fail fail = {.hdr.error = -EDQUOT};
	memset(fail.text, 'x', sizeof(fail.text));
	fake.change = refusal;
	fake.data = &fail;
	refuse_connect(fake.path, -EDQUOT, "xxx");
	assert_int_equal(strlen(zcrx_error(NULL)), sizeof(fail.text));
}

static void makes_a_sentence_fit_to_be_printed(void **state)
{
	(void)state;
	struct msg_fail fail = {.hdr.error = -EDQUOT, .text = "No\x1b[2J\n<0>no\xff."};
	fake.change = refusal;
	fake.data = &fail;
	refuse_connect(fake.path, -EDQUOT, "No?[2J?<0>no?.");
}

static void distrusts_an_impossible_error(void **state)
{
	(void)state;
	struct msg_fail fail = {.hdr.error = INT32_MIN};
	fake.change = refusal;
	fake.data = &fail;
	refuse_connect(fake.path, -EPROTO, "impossible");
}

/* ---- answers that end the connection ---- */

enum nonsense {
	SIZE_NO_MULTIPLE_OF_8,
	OTHER_TYPE,
	OTHER_SERIAL,
	EVENT,
	POSITIVE_ERROR,
	UNKNOWN_TAIL,
	TOO_SHORT,
	DESCRIPTORS_NOBODY_WANTS,
	DESCRIPTOR_WITH_REFUSAL,
	NONSENSE_KINDS,
};

static void nonsense(const union msg_any *request, struct fake_reply *r, void *data)
{
	const enum nonsense *kind = data;
	if (request->hdr.type != MSG_AREA_ADD)
		return;
	switch (*kind) {
	case SIZE_NO_MULTIPLE_OF_8:
		r->m.hdr.size -= 4;
		break;
	case OTHER_TYPE:
		r->m.hdr.type = MSG_AREA_DEL;
		break;
	case OTHER_SERIAL:
		r->m.hdr.serial++;
		break;
	case EVENT:
		r->m.hdr.serial = 0;
		break;
	case POSITIVE_ERROR:
		r->m.hdr.error = 5;
		break;
	case UNKNOWN_TAIL:
		r->m.words[r->m.hdr.size / 8] = 1;
		r->m.hdr.size += 8;
		break;
	case TOO_SHORT:
		r->m.hdr.size = sizeof(struct msg_hdr);
		break;
	case DESCRIPTORS_NOBODY_WANTS:
		r->m.hdr.nfds = 2;
		r->fds[0] = dup(STDERR_FILENO);
		r->fds[1] = dup(STDERR_FILENO);
		break;
	case DESCRIPTOR_WITH_REFUSAL:
		r->m.hdr.size = sizeof(struct msg_fail);
		r->m.hdr.error = -EPERM;
		r->m.hdr.nfds = 1;
		r->fds[0] = dup(STDERR_FILENO);
		break;
	case NONSENSE_KINDS:
	default:
		break;
	}
}

static int fds_open(void)
{
	int n = 0;
	for (int fd = 0; fd < 1024; fd++)
		n += fcntl(fd, F_GETFD) >= 0;
	return n;
}

static void nonsense_ends_the_connection_and_leaks_nothing(void **state)
{
	(void)state;
	for (enum nonsense kind = 0; kind < NONSENSE_KINDS; kind++) {
		struct zcrx *z;
		struct zcrx_area *a = NULL;
		fake.change = nonsense;
		fake.data = &kind;
		assert_int_equal(zcrx_connect(&z, fake.path), 0);
		int before = fds_open();
		assert_int_equal(zcrx_area_new(z, &a, 1, 0), -EPROTO);
		assert_null(a);
		expect_sentence(zcrx_error(z), "malformed");
		assert_int_equal(zcrx_area_new(z, &a, 1, 0), -ENOTCONN);
		expect_sentence(zcrx_error(z), "connect again");
		/* The fake closes its own ends when it gets round to it. */
		for (int ms = 0; fds_open() >= before && ms < 5000; ms++)
			usleep(1000);
		assert_in_range(fds_open(), before - 2, before - 1);
		zcrx_close(z);
	}
}

static void hang_up(const union msg_any *request, struct fake_reply *r, void *data)
{
	(void)data;
	r->withhold = r->hang_up = request->hdr.type != MSG_HELLO;
}

static void a_daemon_that_hangs_up_ends_the_connection(void **state)
{
	(void)state;
	struct zcrx *z;
	struct zcrx_area *a;
	fake.change = hang_up;
	assert_int_equal(zcrx_connect(&z, fake.path), 0);
	assert_int_equal(zcrx_area_new(z, &a, 1, 0), -ECONNRESET);
	assert_int_equal(zcrx_area_new(z, &a, 1, 0), -ENOTCONN);
	zcrx_close(z);
}

static void a_dead_daemon_is_noticed_by_the_next_request(void **state)
{
	(void)state;
	struct zcrx *z;
	struct zcrx_area *a;
	assert_int_equal(zcrx_connect(&z, fake.path), 0);
	fake_die(&fake);
	assert_int_equal(zcrx_area_new(z, &a, 1, 0), -ECONNRESET);
	zcrx_close(z);
}

/* A process that has all descriptors of this one, and does nothing, until it is killed. */
static pid_t fork_idle(void)
{
	pid_t child = fork();
	assert_true(child >= 0);
	if (child == 0)
		for (;;)
			pause();
	return child;
}

/* Without an end the test is killed, after 1000 times of what this takes. */
static void expect_end_of_connection(void)
{
	while (fake_has_client(&fake))
		usleep(1000);
}

static void a_forked_child_keeps_no_connection_that_is_closed(void **state)
{
	(void)state;
	struct zcrx *z;
	assert_int_equal(zcrx_connect(&z, fake.path), 0);
	pid_t child = fork_idle();
	zcrx_close(z);
	expect_end_of_connection();
	kill(child, SIGKILL);
	assert_int_equal(waitpid(child, NULL, 0), child);
}

static void a_forked_child_keeps_no_connection_that_is_over(void **state)
{
	(void)state;
	enum nonsense kind = OTHER_SERIAL;
	struct zcrx *z;
	struct zcrx_area *a;
	fake.change = nonsense;
	fake.data = &kind;
	assert_int_equal(zcrx_connect(&z, fake.path), 0);
	pid_t child = fork_idle();
	assert_int_equal(zcrx_area_new(z, &a, 1, 0), -EPROTO);
	expect_end_of_connection();
	kill(child, SIGKILL);
	assert_int_equal(waitpid(child, NULL, 0), child);
	zcrx_close(z);
}

static void closing_nothing_is_fine(void **state)
{
	(void)state;
	zcrx_close(NULL);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(says_where_no_daemon_listens),
		TEST(says_so_where_something_else_lies),
		TEST(says_so_when_a_socket_is_left_over),
		TEST(tries_again_when_the_daemon_goes_away),
		TEST(gives_up_when_the_daemon_admits_nobody),
		TEST(refuses_a_path_that_is_too_long),
		TEST(refuses_an_empty_path),
		TEST(says_what_to_do_without_permission),
		TEST(finds_the_daemon_through_the_environment),
		TEST(tells_the_daemon_its_name_and_version),
		TEST(refuses_another_version),
		TEST(passes_on_the_daemons_error_and_sentence),
		TEST(falls_back_on_the_reasons_own_sentence),
		TEST(reads_why_it_is_turned_away),
		TEST(reads_why_it_is_turned_away_by_the_next_daemon),
		TEST(survives_a_sentence_without_an_end),
		TEST(makes_a_sentence_fit_to_be_printed),
		TEST(distrusts_an_impossible_error),
		TEST(nonsense_ends_the_connection_and_leaks_nothing),
		TEST(a_daemon_that_hangs_up_ends_the_connection),
		TEST(a_dead_daemon_is_noticed_by_the_next_request),
		TEST(a_forked_child_keeps_no_connection_that_is_closed),
		TEST(a_forked_child_keeps_no_connection_that_is_over),
		TEST(closing_nothing_is_fine),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
