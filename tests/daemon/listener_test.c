/* SPDX-License-Identifier: MIT */
/* Where the listening sockets come from, and whose files they may replace. */
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "policy/config_check.h"
#include "tests/daemon/listener_world.h"

static void makes_both_with_their_mode_and_removes_them(void **state)
{
	(void)state;
	struct stat st;
	assert_int_equal(listeners_open(&listeners, &config, world_from), 0);
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
	assert_int_equal(listeners_open(&listeners, &config, world_from), 0);
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
	assert_int_equal(listeners_open(&listeners, &config, world_from), 0);
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
	assert_int_equal(listeners_open(&listeners, &config, world_from), 0);
	assert_false(went(inotify, "clients"));
	listeners_close(&listeners);
	assert_true(went(inotify, "clients"));
	close(inotify);
}

static void leaves_a_living_daemon_its_sockets(void **state)
{
	(void)state;
	int other = unix_socket(SOCK_SEQPACKET, config.clients);
	assert_int_equal(listeners_open(&listeners, &config, world_from), -EADDRINUSE);
	assert_int_equal(connect_to(SOCK_SEQPACKET, config.clients), 0);
	assert_false(exists(config.status));
	assert_int_equal(unlink(config.clients), 0);
	close(other);

	other = unix_socket(SOCK_STREAM, config.status);
	assert_int_equal(listeners_open(&listeners, &config, world_from), -EADDRINUSE);
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
	assert_int_equal(listeners_open(&listeners, &config, world_from), -EEXIST);
	fd = open(config.clients, O_RDONLY | O_CLOEXEC);
	assert_true(fd >= 0);
	assert_int_equal(read(fd, text, sizeof(text)), 8);
	assert_string_equal(text, "precious");
	close(fd);
	assert_int_equal(unlink(config.clients), 0);

	assert_int_equal(mkdir(config.clients, 0700), 0);
	assert_int_equal(listeners_open(&listeners, &config, world_from), -EEXIST);
	assert_int_equal(rmdir(config.clients), 0);
}

static void says_why_a_path_cannot_be_used(void **state)
{
	(void)state;
	char *kept = config.clients, *missing = path_of("no/such/folder"), path[200];
	config.clients = missing;
	assert_int_equal(listeners_open(&listeners, &config, world_from), -ENOENT);
	memset(path, 'x', sizeof(path) - 1);
	path[sizeof(path) - 1] = '\0';
	config.clients = path;
	assert_int_equal(listeners_open(&listeners, &config, world_from), -ENAMETOOLONG);
	config.clients = kept;
	free(missing);
}

static void takes_systemds_sockets_and_leaves_their_files(void **state)
{
	(void)state;
	pass("status:clients",
	     (int[]){unix_socket(SOCK_STREAM, config.status),
		     unix_socket(SOCK_SEQPACKET, config.clients)},
	     2);
	assert_int_equal(listeners_open(&listeners, &config, world_from), 0);
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
	assert_int_equal(listeners_open(&listeners, &config, world_from), 0);
	assert_int_equal(listeners.clients, FIRST);
	assert_int_equal(connect_to(SOCK_STREAM, config.status), 0);
	listeners_close(&listeners);
	assert_true(exists(config.clients));
	assert_false(exists(config.status));
}

static void refuses_other_sockets_from_systemd(void **state)
{
	(void)state;
	int pair[2];
	pass("clients", (int[]){unix_socket(SOCK_STREAM, config.clients)}, 1);
	assert_int_equal(listeners_open(&listeners, &config, world_from), -EINVAL);
	unlink(config.clients);
	pass("clients:clients",
	     (int[]){unix_socket(SOCK_SEQPACKET, config.clients),
		     unix_socket(SOCK_SEQPACKET, config.status)},
	     2);
	assert_int_equal(listeners_open(&listeners, &config, world_from), -EINVAL);
	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, pair), 0);
	close(pair[1]);
	pass("clients", pair, 1);
	assert_int_equal(listeners_open(&listeners, &config, world_from), -EINVAL);
	unlink(config.clients);
	unlink(config.status);
}

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
		CASE(takes_systemds_sockets_and_leaves_their_files),
		CASE(makes_the_one_that_systemd_did_not_pass),
		CASE(refuses_other_sockets_from_systemd),
	};
	keep_passed_free();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
