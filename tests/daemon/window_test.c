/* SPDX-License-Identifier: MIT */
/* Whose receive buffers a leased queue limits. */
#include <linux/socket.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "daemon/pump/window.h"

#define LARGE_BYTES (1ull << 30) /* each share of it exceeds the kernel's own limit */
#define SMALL_BYTES (1ull << 20)

static struct area area;
static struct queue q;
static struct flow listener, accepted;

static bool is_locked(const struct flow *f)
{
	int locks = 0;
	socklen_t len = sizeof(locks);
	assert_int_equal(getsockopt(f->sock, SOL_SOCKET, SO_BUF_LOCK, &locks, &len), 0);
	return locks & SOCK_RCVBUF_LOCK;
}

static void join(struct flow *f)
{
	TAILQ_INSERT_TAIL(&q.flows, f, link);
	q.flow_count++;
	window_share(&q, f);
}

static void fix(const struct flow *f)
{
	int bytes = 65536;
	assert_int_equal(setsockopt(f->sock, SOL_SOCKET, SO_RCVBUF, &bytes, sizeof(bytes)), 0);
}

/* A listener joins, then a connection that it accepts, which the test's socket stands for. */
static void begin(uint64_t area_bytes, bool fixed)
{
	area.bytes = area_bytes;
	q = (struct queue){.lease = (struct lease *)1, .area = &area};
	TAILQ_INIT(&q.flows);
	listener = (struct flow){.queue = &q, .id = 1, .listener = true};
	accepted = (struct flow){.queue = &q, .id = 2, .listener_id = 1};
	listener.sock = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	accepted.sock = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fixed)
		fix(&listener);
	join(&listener);
	if (is_locked(&listener)) /* as the connection inherits it */
		fix(&accepted);
	accepted.limited = listener.limited;
	accepted.was_limited = listener.was_limited;
	join(&accepted);
}

static int end(void **state)
{
	(void)state;
	close(listener.sock);
	close(accepted.sock);
	return 0;
}

static void a_large_area_limits_nobody(void **state)
{
	(void)state;
	begin(LARGE_BYTES, false);
	assert_false(is_locked(&listener));
	assert_false(is_locked(&accepted));
	assert_false(accepted.limited);
}

static void a_small_one_limits_a_listener_and_its_connections(void **state)
{
	(void)state;
	begin(SMALL_BYTES, false);
	assert_true(is_locked(&listener));
	assert_true(is_locked(&accepted));
	assert_true(accepted.limited);
	assert_false(accepted.was_limited); /* so the kernel tunes it again in the end */
}

static void what_its_owner_fixed_stays_so(void **state)
{
	(void)state;
	begin(LARGE_BYTES, true);
	assert_false(accepted.limited);
	end(NULL);
	begin(SMALL_BYTES, true);
	assert_true(listener.was_limited);
	assert_true(accepted.limited);
	assert_true(accepted.was_limited);
}

/* By the client, on a listener that nobody limits: what its connections inherit is not zcrxd's. */
static void what_a_listener_was_fixed_to_later_is_not_zcrxds(void **state)
{
	(void)state;
	begin(LARGE_BYTES, false);
	struct flow late = {.queue = &q, .id = 3, .listener_id = 1};
	late.sock = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	fix(&late);
	area.bytes = SMALL_BYTES;
	join(&late);
	assert_true(late.limited);
	assert_true(late.was_limited);
	close(late.sock);
}

#define CASE(f) cmocka_unit_test_teardown(f, end)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(a_large_area_limits_nobody),
		CASE(a_small_one_limits_a_listener_and_its_connections),
		CASE(what_its_owner_fixed_stays_so),
		CASE(what_a_listener_was_fixed_to_later_is_not_zcrxds),
	};
	return cmocka_run_group_tests_name("window", tests, NULL, NULL);
}
