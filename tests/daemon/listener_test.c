/* SPDX-License-Identifier: MIT */
/* Where the listening sockets come from, and whose files they may replace. */
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/fd.h"
#include "base/size.h"
#include "daemon/broker/listener.h"
#include "policy/config_check.h"

enum {
	FIRST = 3 /* of systemd's descriptors; this and the next are kept free by main() */
};

static char dir[] = "/tmp/zcrxd-listener-XXXXXX";
static struct config config;
static struct listeners listeners;

static char *path_of(const char *name)
{
	char *path;
	assert_true(asprintf(&path, "%s/%s", dir, name) > 0);
	return path;
}

static int setup(void **state)
{
	(void)state;
	strcpy(dir, "/tmp/zcrxd-listener-XXXXXX");
	assert_non_null(mkdtemp(dir));
	config = (struct config){.clients = path_of("clients"),
				 .status = path_of("status"),
				 .mode = 0620};
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	unlink(config.clients);
	unlink(config.status);
	assert_int_equal(rmdir(dir), 0);
	config_done(&config);
	return 0;
}

static int unix_socket(int type, const char *path)
{
	struct sockaddr_un at = {.sun_family = AF_UNIX};
	int sock = socket(AF_UNIX, type | SOCK_CLOEXEC, 0);
	assert_true(sock >= 0 && strlen(path) < sizeof(at.sun_path));
	strcpy(at.sun_path, path);
	assert_int_equal(bind(sock, (struct sockaddr *)&at, sizeof(at)), 0);
	assert_int_equal(listen(sock, 1), 0);
	return sock;
}

static int connect_to(int type, const char *path)
{
	struct sockaddr_un at = {.sun_family = AF_UNIX};
	_cleanup_(fd_closep) int sock = socket(AF_UNIX, type | SOCK_CLOEXEC, 0);
	strcpy(at.sun_path, path);
	return connect(sock, (struct sockaddr *)&at, sizeof(at)) < 0 ? -errno : 0;
}

static bool exists(const char *path)
{
	return access(path, F_OK) == 0;
}

static void makes_both_with_their_mode_and_removes_them(void **state)
{
	(void)state;
	struct stat st;
	assert_int_equal(listeners_open(&listeners, &config), 0);
	assert_int_equal(connect_to(SOCK_SEQPACKET, config.clients), 0);
	assert_int_equal(connect_to(SOCK_STREAM, config.status), 0);
	assert_int_equal(stat(config.clients, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0620);
	assert_int_equal(stat(config.status, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0620);
	assert_true(fcntl(listeners.clients, F_GETFL) & O_NONBLOCK);
	assert_true(fcntl(listeners.status, F_GETFL) & O_NONBLOCK);
	listeners_close(&listeners);
	assert_false(exists(config.clients) || exists(config.status));
}

static void gives_them_to_the_group(void **state)
{
	(void)state;
	struct stat st;
	struct group *own = getgrgid(getegid());
	if (!own) {
		print_message("skip: this user's group has no name\n");
		skip();
	}
	config.group = strdup(own->gr_name);
	assert_int_equal(config_find_groups(&config, "conf"), 0);
	assert_int_equal(config.gid, getegid());
	assert_int_equal(listeners_open(&listeners, &config), 0);
	assert_int_equal(stat(config.clients, &st), 0);
	assert_int_equal(st.st_gid, getegid());
	listeners_close(&listeners);
	free(config.group);
	config.group = strdup("no-such-group-here");
	assert_int_equal(config_find_groups(&config, "conf"), -ENOENT);
}

static void replaces_what_a_crash_left(void **state)
{
	(void)state;
	char *half_made = path_of("clients~");
	close(unix_socket(SOCK_SEQPACKET, half_made));
	close(unix_socket(SOCK_SEQPACKET, config.clients));
	close(unix_socket(SOCK_STREAM, config.status));
	assert_int_equal(listeners_open(&listeners, &config), 0);
	assert_int_equal(connect_to(SOCK_SEQPACKET, config.clients), 0);
	assert_false(exists(half_made));
	listeners_close(&listeners);
	free(half_made);
}

/* Has a file of this name been deleted from the folder, or been moved away? */
static bool went(int inotify, const char *name)
{
	char events[4096] __attribute__((aligned(8)));
	ssize_t n = read(inotify, events, sizeof(events));
	for (ssize_t at = 0; at < n;) {
		const struct inotify_event *e = (const void *)(events + at);
		if (e->len && strcmp(e->name, name) == 0)
			return true;
		at += (ssize_t)(sizeof(*e) + e->len);
	}
	return false;
}

/* So who connects is never told that there is no zcrxd. */
static void what_a_crash_left_stays_until_it_is_replaced(void **state)
{
	(void)state;
	int inotify = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
	assert_true(inotify_add_watch(inotify, dir, IN_DELETE | IN_MOVED_FROM) >= 0);
	close(unix_socket(SOCK_SEQPACKET, config.clients));
	assert_int_equal(listeners_open(&listeners, &config), 0);
	assert_false(went(inotify, "clients"));
	listeners_close(&listeners);
	assert_true(went(inotify, "clients"));
	close(inotify);
}

static void leaves_a_living_daemon_its_sockets(void **state)
{
	(void)state;
	int other = unix_socket(SOCK_SEQPACKET, config.clients);
	assert_int_equal(listeners_open(&listeners, &config), -EADDRINUSE);
	assert_int_equal(connect_to(SOCK_SEQPACKET, config.clients), 0);
	assert_false(exists(config.status));
	assert_int_equal(unlink(config.clients), 0);
	close(other);

	other = unix_socket(SOCK_STREAM, config.status);
	assert_int_equal(listeners_open(&listeners, &config), -EADDRINUSE);
	assert_int_equal(connect_to(SOCK_STREAM, config.status), 0);
	assert_false(exists(config.clients)); /* its own goes with it */
	close(other);
}

static void removes_nothing_but_sockets(void **state)
{
	(void)state;
	char text[16] = "";
	int fd = open(config.clients, O_CREAT | O_RDWR | O_CLOEXEC, 0600);
	assert_int_equal(write(fd, "precious", 8), 8);
	close(fd);
	assert_int_equal(listeners_open(&listeners, &config), -EEXIST);
	fd = open(config.clients, O_RDONLY | O_CLOEXEC);
	assert_true(fd >= 0);
	assert_int_equal(read(fd, text, sizeof(text)), 8);
	assert_string_equal(text, "precious");
	close(fd);
	assert_int_equal(unlink(config.clients), 0);

	assert_int_equal(mkdir(config.clients, 0700), 0);
	assert_int_equal(listeners_open(&listeners, &config), -EEXIST);
	assert_int_equal(rmdir(config.clients), 0);
}

static void says_why_a_path_cannot_be_used(void **state)
{
	(void)state;
	char *kept = config.clients, *missing = path_of("no/such/folder"), path[200];
	config.clients = missing;
	assert_int_equal(listeners_open(&listeners, &config), -ENOENT);
	memset(path, 'x', sizeof(path) - 1);
	path[sizeof(path) - 1] = '\0';
	config.clients = path;
	assert_int_equal(listeners_open(&listeners, &config), -ENAMETOOLONG);
	config.clients = kept;
	free(missing);
}

static struct policy_class *class_new(const char *name)
{
	struct policy_class *c = policy_class_get(&config.policy, name);
	assert_non_null(c);
	c->socket = path_of(name);
	return c;
}

static void makes_those_of_classes_with_their_modes(void **state)
{
	(void)state;
	struct stat st;
	struct policy_class *a = class_new("a"), *b = class_new("b");
	a->mode = 0604;
	b->mode = 0640;
	assert_int_equal(listeners_open(&listeners, &config), 0);
	assert_int_equal(connect_to(SOCK_SEQPACKET, a->socket), 0);
	assert_int_equal(stat(a->socket, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0604);
	assert_int_equal(stat(b->socket, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0640);
	listeners_close(&listeners);
	assert_false(exists(a->socket) || exists(b->socket));
}

static void adds_and_drops_those_of_classes(void **state)
{
	(void)state;
	struct stat st;
	struct policy_class *a = class_new("a");
	char *first = strdup(a->socket);
	assert_int_equal(listeners_open(&listeners, &config), 0);
	struct policy_class *b = class_new("b"), *c = class_new("c");
	char *missing = path_of("no/such/folder");
	char *good = c->socket;
	c->socket = missing;
	assert_int_equal(listeners_add(&listeners, &config), -ENOENT);
	assert_false(exists(b->socket)); /* all or nothing */
	c->socket = good;
	free(missing);
	a->mode = 0600;
	assert_int_equal(listeners_add(&listeners, &config), 0);
	assert_int_equal(connect_to(SOCK_SEQPACKET, b->socket), 0);
	listeners_drop(&listeners, &config);
	assert_int_equal(stat(a->socket, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0600);
	free(a->socket);
	a->socket = path_of("elsewhere");
	assert_int_equal(listeners_add(&listeners, &config), 0);
	listeners_drop(&listeners, &config);
	assert_false(exists(first));
	assert_int_equal(connect_to(SOCK_SEQPACKET, a->socket), 0);
	listeners_close(&listeners);
	assert_false(exists(a->socket) || exists(b->socket) || exists(c->socket));
	free(first);
}

static const char *class_at(const char *path)
{
	const struct class_socket *s;
	struct sockaddr_un at = {.sun_family = AF_UNIX};
	_cleanup_(fd_closep) int sock = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	strcpy(at.sun_path, path);
	assert_int_equal(connect(sock, (struct sockaddr *)&at, sizeof(at)), 0);
	LIST_FOREACH (s, &listeners.classes, link) {
		int peer = accept4(s->fd, NULL, NULL, SOCK_CLOEXEC);
		if (peer < 0)
			continue;
		close(peer);
		return s->class;
	}
	return "";
}

static void a_path_can_go_to_another_class(void **state)
{
	(void)state;
	struct stat st;
	struct policy_class *a = class_new("a"), *b = class_new("b");
	a->mode = 0600;
	b->mode = 0640;
	assert_int_equal(listeners_open(&listeners, &config), 0);
	/* Waits for the class it connected to: it is not to become the other's. */
	struct sockaddr_un at = {.sun_family = AF_UNIX};
	int waiting = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	strcpy(at.sun_path, a->socket);
	assert_int_equal(connect(waiting, (struct sockaddr *)&at, sizeof(at)), 0);

	char *swapped = a->socket, *missing = path_of("no/such/folder"), byte;
	a->socket = b->socket;
	b->socket = swapped;
	struct policy_class *c = class_new("c");
	char *good = c->socket;
	c->socket = missing;
	assert_int_equal(listeners_add(&listeners, &config), -ENOENT);
	assert_string_equal(class_at(swapped), "a"); /* nothing has changed */
	c->socket = good;
	free(missing);

	assert_int_equal(listeners_add(&listeners, &config), 0);
	listeners_drop(&listeners, &config);
	assert_true(recv(waiting, &byte, 1, 0) <= 0);
	close(waiting);
	assert_string_equal(class_at(a->socket), "a");
	assert_string_equal(class_at(b->socket), "b");
	assert_int_equal(stat(a->socket, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0600);
	assert_int_equal(stat(b->socket, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0640);
	listeners_close(&listeners);
	assert_false(exists(a->socket) || exists(b->socket) || exists(c->socket));
	/* teardown() finds the folder empty: nothing was left aside */
}

static void what_holds_until_the_end_goes_to_no_class(void **state)
{
	(void)state;
	assert_int_equal(listeners_open(&listeners, &config), 0);
	struct policy_class *a = class_new("a");
	free(a->socket);
	a->socket = strdup(config.clients);
	assert_int_equal(listeners_add(&listeners, &config), -EADDRINUSE);
	assert_int_equal(connect_to(SOCK_SEQPACKET, config.clients), 0);
	listeners_close(&listeners);
}

/* Passes sockets in systemd's way: they become the descriptors FIRST, FIRST + 1 and so on. */
static void pass(const char *names, const int *socks, int n)
{
	char text[16];
	int high[2];
	for (int i = 0; i < n; i++) {
		high[i] = fcntl(socks[i], F_DUPFD_CLOEXEC, 100);
		close(socks[i]);
	}
	for (int i = 0; i < n; i++) {
		assert_int_equal(dup2(high[i], FIRST + i), FIRST + i);
		close(high[i]);
	}
	snprintf(text, sizeof(text), "%d", (int)getpid());
	setenv("LISTEN_PID", text, 1);
	snprintf(text, sizeof(text), "%d", n);
	setenv("LISTEN_FDS", text, 1);
	setenv("LISTEN_FDNAMES", names, 1);
}

static void takes_systemds_sockets_and_leaves_their_files(void **state)
{
	(void)state;
	pass("status:clients",
	     (int[]){unix_socket(SOCK_STREAM, config.status),
		     unix_socket(SOCK_SEQPACKET, config.clients)},
	     2);
	assert_int_equal(listeners_open(&listeners, &config), 0);
	assert_int_equal(listeners.status, FIRST);
	assert_int_equal(listeners.clients, FIRST + 1);
	assert_true(fcntl(FIRST, F_GETFD) & FD_CLOEXEC);
	/* Another holder of the socket may accept first. Then our accept must not wait. */
	assert_true(fcntl(FIRST, F_GETFL) & O_NONBLOCK);
	assert_true(fcntl(FIRST + 1, F_GETFL) & O_NONBLOCK);
	listeners_close(&listeners);
	assert_true(exists(config.clients) && exists(config.status));
}

static void makes_the_one_that_systemd_did_not_pass(void **state)
{
	(void)state;
	pass("clients", (int[]){unix_socket(SOCK_SEQPACKET, config.clients)}, 1);
	assert_int_equal(listeners_open(&listeners, &config), 0);
	assert_int_equal(listeners.clients, FIRST);
	assert_int_equal(connect_to(SOCK_STREAM, config.status), 0);
	listeners_close(&listeners);
	assert_true(exists(config.clients));
	assert_false(exists(config.status));
}

static void takes_those_of_classes_from_systemd_and_keeps_them(void **state)
{
	(void)state;
	struct policy_class *web = class_new("web");
	pass("web", (int[]){unix_socket(SOCK_SEQPACKET, web->socket)}, 1);
	assert_int_equal(listeners_open(&listeners, &config), 0);
	const struct class_socket *s = LIST_FIRST(&listeners.classes);
	assert_non_null(s);
	assert_null(LIST_NEXT(s, link));
	assert_string_equal(s->class, "web");
	assert_int_equal(s->fd, FIRST);
	assert_true(fcntl(FIRST, F_GETFL) & O_NONBLOCK);
	struct config empty;
	assert_int_equal(config_init(&empty), 0);
	listeners_drop(&listeners, &empty);
	config_done(&empty);
	assert_int_equal(connect_to(SOCK_SEQPACKET, web->socket), 0); /* to be refused */
	listeners_close(&listeners);
	assert_true(exists(web->socket));
	unlink(web->socket);

	pass("web", (int[]){unix_socket(SOCK_STREAM, web->socket)}, 1);
	assert_int_equal(listeners_open(&listeners, &config), -EINVAL);
	unlink(web->socket);
}

/* Its unit outlives a class, under whatever name. Who connects there is refused, by the admission.
 */
static void serves_the_others_though_a_socket_is_of_no_class(void **state)
{
	(void)state;
	static const char *const names[] = {"other", "",
					    "web-but-with-a-name-that-is-too-long-for-one"};
	struct policy_class *web = class_new("web"), *b = class_new("b");
	for (size_t i = 0; i < ARRAY_LENGTH(names); i++) {
		pass(names[i], (int[]){unix_socket(SOCK_SEQPACKET, web->socket)}, 1);
		assert_int_equal(listeners_open(&listeners, &config), 0);
		assert_string_not_equal(class_at(web->socket), "");
		assert_string_not_equal(class_at(web->socket), "web");
		assert_string_equal(class_at(b->socket), "b");
		assert_int_equal(connect_to(SOCK_SEQPACKET, config.clients), 0);
		listeners_close(&listeners);
		assert_true(exists(web->socket));
		assert_int_equal(unlink(web->socket), 0);
	}
}

/* Containers mount it: it is there for all, and stays. */
static void a_folder_is_made_for_a_socket(void **state)
{
	(void)state;
	struct stat before, after;
	struct policy_class *web = class_new("web");
	char *folder = web->socket;
	mode_t mask = umask(0077);
	assert_true(asprintf(&web->socket, "%s/zcrxd.sock", folder) > 0);
	assert_int_equal(listeners_open(&listeners, &config), 0);
	umask(mask);
	assert_string_equal(class_at(web->socket), "web");
	assert_int_equal(stat(folder, &before), 0);
	assert_int_equal(before.st_mode & 07777, 0755);
	listeners_close(&listeners);
	assert_false(exists(web->socket));
	assert_int_equal(chmod(folder, 0700), 0); /* by whoever */
	assert_int_equal(listeners_open(&listeners, &config), 0);
	listeners_close(&listeners);
	assert_int_equal(stat(folder, &after), 0);
	assert_int_equal(after.st_ino, before.st_ino);
	assert_int_equal(after.st_mode & 07777, 0700);
	assert_int_equal(rmdir(folder), 0);
	free(folder);
}

static void refuses_other_sockets_from_systemd(void **state)
{
	(void)state;
	int pair[2];
	pass("clients", (int[]){unix_socket(SOCK_STREAM, config.clients)}, 1);
	assert_int_equal(listeners_open(&listeners, &config), -EINVAL);
	unlink(config.clients);
	pass("clients:clients",
	     (int[]){unix_socket(SOCK_SEQPACKET, config.clients),
		     unix_socket(SOCK_SEQPACKET, config.status)},
	     2);
	assert_int_equal(listeners_open(&listeners, &config), -EINVAL);
	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, pair), 0);
	close(pair[1]);
	pass("clients", pair, 1);
	assert_int_equal(listeners_open(&listeners, &config), -EINVAL);
	unlink(config.clients);
	unlink(config.status);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(makes_both_with_their_mode_and_removes_them),
		CASE(gives_them_to_the_group),
		CASE(replaces_what_a_crash_left),
		CASE(what_a_crash_left_stays_until_it_is_replaced),
		CASE(leaves_a_living_daemon_its_sockets),
		CASE(removes_nothing_but_sockets),
		CASE(says_why_a_path_cannot_be_used),
		CASE(makes_those_of_classes_with_their_modes),
		CASE(adds_and_drops_those_of_classes),
		CASE(a_path_can_go_to_another_class),
		CASE(what_holds_until_the_end_goes_to_no_class),
		CASE(takes_those_of_classes_from_systemd_and_keeps_them),
		CASE(takes_systemds_sockets_and_leaves_their_files),
		CASE(makes_the_one_that_systemd_did_not_pass),
		CASE(serves_the_others_though_a_socket_is_of_no_class),
		CASE(a_folder_is_made_for_a_socket),
		CASE(refuses_other_sockets_from_systemd),
	};
	for (int fd = 0; fd < FIRST + 2;)
		fd = open("/dev/null", O_RDWR | O_CLOEXEC);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
