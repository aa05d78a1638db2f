/* SPDX-License-Identifier: MIT */
/* Which classes have a socket of their own, at which path, while configurations come and go. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/size.h"
#include "policy/config_check.h"
#include "tests/daemon/listener_world.h"

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
	assert_int_equal(listeners_open(&listeners, &config, world_from), 0);
	assert_int_equal(connect_to(SOCK_SEQPACKET, a->socket), 0);
	assert_int_equal(stat(a->socket, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0604);
	assert_int_equal(stat(b->socket, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0640);
	listeners_close(&listeners);
	assert_false(exists(a->socket) || exists(b->socket));
}

static int add(void)
{
	return class_sockets_add(&listeners.classes, listeners.made, &config);
}

static void drop(void)
{
	class_sockets_drop(&listeners.classes, &config);
}

static void adds_and_drops_those_of_classes(void **state)
{
	(void)state;
	struct stat st;
	struct policy_class *a = class_new("a");
	char *first = strdup(a->socket);
	assert_int_equal(listeners_open(&listeners, &config, world_from), 0);
	struct policy_class *b = class_new("b"), *c = class_new("c");
	char *missing = path_of("no/such/folder");
	char *good = c->socket;
	c->socket = missing;
	assert_int_equal(add(), -ENOENT);
	assert_false(exists(b->socket)); /* all or nothing */
	c->socket = good;
	free(missing);
	a->mode = 0600;
	assert_int_equal(add(), 0);
	assert_int_equal(connect_to(SOCK_SEQPACKET, b->socket), 0);
	drop();
	assert_int_equal(stat(a->socket, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0600);
	free(a->socket);
	a->socket = path_of("elsewhere");
	assert_int_equal(add(), 0);
	drop();
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
	assert_int_equal(listeners_open(&listeners, &config, world_from), 0);
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
	assert_int_equal(add(), -ENOENT);
	assert_string_equal(class_at(swapped), "a"); /* nothing has changed */
	c->socket = good;
	free(missing);

	assert_int_equal(add(), 0);
	drop();
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
	assert_int_equal(listeners_open(&listeners, &config, world_from), 0);
	struct policy_class *a = class_new("a");
	free(a->socket);
	a->socket = strdup(config.clients);
	assert_int_equal(add(), -EADDRINUSE);
	assert_int_equal(connect_to(SOCK_SEQPACKET, config.clients), 0);
	listeners_close(&listeners);
}

static void takes_those_of_classes_from_systemd_and_keeps_them(void **state)
{
	(void)state;
	struct policy_class *web = class_new("web");
	pass("web", (int[]){unix_socket(SOCK_SEQPACKET, web->socket)}, 1);
	assert_int_equal(listeners_open(&listeners, &config, world_from), 0);
	const struct class_socket *s = LIST_FIRST(&listeners.classes);
	assert_non_null(s);
	assert_null(LIST_NEXT(s, link));
	assert_string_equal(s->class, "web");
	assert_int_equal(s->fd, FIRST);
	assert_true(fcntl(FIRST, F_GETFL) & O_NONBLOCK);
	struct config empty;
	assert_int_equal(config_init(&empty), 0);
	class_sockets_drop(&listeners.classes, &empty);
	config_done(&empty);
	assert_int_equal(connect_to(SOCK_SEQPACKET, web->socket), 0); /* to be refused */
	listeners_close(&listeners);
	assert_true(exists(web->socket));
	unlink(web->socket);

	pass("web", (int[]){unix_socket(SOCK_STREAM, web->socket)}, 1);
	assert_int_equal(listeners_open(&listeners, &config, world_from), -EINVAL);
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
		assert_int_equal(listeners_open(&listeners, &config, world_from), 0);
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
	assert_int_equal(listeners_open(&listeners, &config, world_from), 0);
	umask(mask);
	assert_string_equal(class_at(web->socket), "web");
	assert_int_equal(stat(folder, &before), 0);
	assert_int_equal(before.st_mode & 07777, 0755);
	listeners_close(&listeners);
	assert_false(exists(web->socket));
	assert_int_equal(chmod(folder, 0700), 0); /* by whoever */
	assert_int_equal(listeners_open(&listeners, &config, world_from), 0);
	listeners_close(&listeners);
	assert_int_equal(stat(folder, &after), 0);
	assert_int_equal(after.st_ino, before.st_ino);
	assert_int_equal(after.st_mode & 07777, 0700);
	assert_int_equal(rmdir(folder), 0);
	free(folder);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(makes_those_of_classes_with_their_modes),
		CASE(adds_and_drops_those_of_classes),
		CASE(a_path_can_go_to_another_class),
		CASE(what_holds_until_the_end_goes_to_no_class),
		CASE(takes_those_of_classes_from_systemd_and_keeps_them),
		CASE(serves_the_others_though_a_socket_is_of_no_class),
		CASE(a_folder_is_made_for_a_socket),
	};
	keep_passed_free();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
