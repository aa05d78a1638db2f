/* SPDX-License-Identifier: MIT */
/* Who may have how many descriptors in flight, and until when. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "daemon/pump/flight.h"
#include "proto/wire.h"

enum {
	NOFILE = 512,
	LIMIT = NOFILE - NOFILE / 4,
	USERS = 16
};

struct end {
	struct flight *flight;
	int ours, theirs;
};

static struct end users[USERS];
static int looked_at;

static struct end end_open(uid_t uid)
{
	struct end e;
	int pair[2];
	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair), 0);
	e = (struct end){.ours = pair[0], .theirs = pair[1]};
	e.flight = flight_new(e.ours, "class", uid, 1, -1);
	assert_non_null(e.flight);
	return e;
}

static int setup(void **state)
{
	(void)state;
	for (uid_t i = 0; i < USERS; i++)
		users[i] = end_open(i);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	for (int i = 0; i < USERS; i++) {
		users[i].flight = flight_end(users[i].flight);
		if (users[i].theirs >= 0)
			close(users[i].theirs);
	}
	while (flights_any())
		flights_look();
	return 0;
}

static int send_one(struct end *e)
{
	struct msg_hdr m = {.size = sizeof(m), .type = MSG_FLOW_OPENED, .nfds = 1};
	int fd = STDERR_FILENO;
	return flight_send(e->flight, &m, &fd);
}

static int send_all(struct end *e)
{
	int n = 0, r;
	while ((r = send_one(e)) == 0)
		n++;
	assert_int_equal(r, -EBUSY);
	return n;
}

static void read_one(const struct end *e)
{
	union msg_any m;
	int fds[MSG_FDS_MAX];
	uint32_t nfds = 0;
	assert_true(wire_recv(e->theirs, &m, fds, &nfds, MSG_DONTWAIT) > 0);
	assert_int_equal(nfds, 1);
	wire_close(fds, nfds);
}

static void one_user_gets_a_ninth(void **state)
{
	(void)state;
	assert_in_range(send_all(&users[0]), LIMIT / 9 - 1, LIMIT / 9);
	struct end more = end_open(0); /* a second end of the same user */
	assert_int_equal(send_one(&more), -EBUSY);
	more.flight = flight_end(more.flight);
	close(more.theirs);
}

static void whoever_comes_finds_some(void **state)
{
	int sum = 0;
	(void)state;
	for (int i = 0; i < USERS; i++) {
		int n = send_all(&users[i]);
		assert_true(n >= (int)MSG_FDS_MAX);
		sum += n;
	}
	assert_true(sum < LIMIT);
}

static void what_was_read_counts_no_more(void **state)
{
	(void)state;
	int n = send_all(&users[0]);
	for (int i = 0; i < n; i++) {
		read_one(&users[0]);
		assert_in_range(flight_unread(users[0].flight), 0, n);
	}
	assert_int_equal(flight_unread(users[0].flight), 0);
	assert_int_equal(send_all(&users[0]), n);
}

static void messages_without_descriptors_always_go(void **state)
{
	struct msg_hdr m = {.size = sizeof(m), .type = MSG_FLOW_CLOSED};
	(void)state;
	send_all(&users[0]);
	assert_int_equal(flight_send(users[0].flight, &m, NULL), 0);
}

static bool is_open(int fd)
{
	return fcntl(fd, F_GETFD) >= 0;
}

static void look(void)
{
	struct pollfd p = {.fd = looked_at, .events = POLLIN};
	while (poll(&p, 1, 100) == 1)
		flights_look();
}

/* Its owner has gone, and said so to the other end. */
static void what_is_unread_keeps_the_socket_and_counts(void **state)
{
	char end;
	(void)state;
	struct end *e = &users[0];
	int n = send_all(e);
	int kick = (int)send(e->theirs, "", 1, MSG_NOSIGNAL);
	assert_int_equal(kick, 1);
	e->flight = flight_end(e->flight);
	look();
	assert_true(is_open(e->ours));
	assert_int_equal(send(e->theirs, "", 1, MSG_NOSIGNAL), -1);
	struct end other = end_open(0);
	assert_int_equal(send_one(&other), -EBUSY);
	for (int i = 0; i < n; i++)
		read_one(e);
	assert_int_equal(recv(e->theirs, &end, 1, MSG_DONTWAIT), 0);
	look();
	assert_false(is_open(e->ours));
	assert_int_equal(send_all(&other), n);
	other.flight = flight_end(other.flight);
	close(other.theirs);
}

/* However many copies of the end there were. */
static void what_nobody_can_read_any_more_counts_no_more(void **state)
{
	(void)state;
	struct end *e = &users[0];
	int n = send_all(e), copy = dup(e->theirs);
	e->flight = flight_end(e->flight);
	close(e->theirs);
	e->theirs = -1;
	look();
	assert_true(is_open(e->ours));
	close(copy);
	look();
	assert_false(is_open(e->ours));
	struct end other = end_open(0);
	assert_int_equal(send_all(&other), n);
	other.flight = flight_end(other.flight);
	close(other.theirs);
}

static void what_was_read_in_time_leaves_nothing(void **state)
{
	(void)state;
	struct end *e = &users[0];
	assert_int_equal(send_one(e), 0);
	read_one(e);
	e->flight = flight_end(e->flight);
	assert_false(is_open(e->ours));
}

static void *leave_one(void *data)
{
	struct end *e = data;
	e->flight = flight_end(e->flight);
	return NULL;
}

/* As clients' threads do while the broker's looks: ThreadSanitizer has to know the order, too. */
static void what_another_thread_left_is_looked_at(void **state)
{
	(void)state;
	struct end *e = &users[0];
	struct pollfd p = {.fd = looked_at, .events = POLLIN};
	pthread_t thread;
	assert_int_equal(send_one(e), 0);
	assert_int_equal(pthread_create(&thread, NULL, leave_one, e), 0);
	assert_int_equal(poll(&p, 1, 20000), 1);
	flights_look();
	pthread_join(thread, NULL);
	assert_true(is_open(e->ours));
	read_one(e);
	look();
	assert_false(is_open(e->ours));
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(one_user_gets_a_ninth),
		CASE(whoever_comes_finds_some),
		CASE(what_was_read_counts_no_more),
		CASE(messages_without_descriptors_always_go),
		CASE(what_is_unread_keeps_the_socket_and_counts),
		CASE(what_nobody_can_read_any_more_counts_no_more),
		CASE(what_was_read_in_time_leaves_nothing),
		CASE(what_another_thread_left_is_looked_at),
	};
	struct rlimit limit = {.rlim_cur = NOFILE, .rlim_max = NOFILE};
	setrlimit(RLIMIT_NOFILE, &limit);
	looked_at = flights_open();
	if (looked_at < 0)
		return 1;
	return cmocka_run_group_tests_name("flight", tests, NULL, NULL);
}
