/* SPDX-License-Identifier: MIT */
/*
 * Requests and kicks for which the kernel has no memory, and answers that do not come. In this
 * program system calls fail, and time passes, as the thread of the test likes.
 */
#include <dlfcn.h>
#include <errno.h>
#include <poll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "tests/lib/fixture.h"

static _Thread_local int lacks;    /* the errno with which sending fails; 0: it works */
static _Thread_local bool hurries; /* a second passes whenever it asks for the time */

static _Thread_local bool flooded; /* when it reads a message, two events have just come */

ssize_t sendmsg(int sock, const struct msghdr *m, int flags)
{
	if (lacks) {
		errno = lacks;
		return -1;
	}
	ssize_t (*next)(int, const struct msghdr *, int) = dlsym(RTLD_NEXT, __func__);
	return next(sock, m, flags);
}

ssize_t send(int sock, const void *data, size_t bytes, int flags)
{
	if (lacks) {
		errno = lacks;
		return -1;
	}
	ssize_t (*next)(int, const void *, size_t, int) = dlsym(RTLD_NEXT, __func__);
	return next(sock, data, bytes, flags);
}

ssize_t recvmsg(int sock, struct msghdr *m, int flags)
{
	const struct msg_ok event = {.hdr = {.size = sizeof(event), .type = 99}};
	for (int i = 0; i < 2 && flooded; i++) {
		send(fake.channel, &event, sizeof(event), MSG_NOSIGNAL | MSG_DONTWAIT);
		fake_daemon_page(&fake)->events++;
	}
	ssize_t (*next)(int, struct msghdr *, int) = dlsym(RTLD_NEXT, __func__);
	return next(sock, m, flags);
}

int clock_gettime(clockid_t clock, struct timespec *ret)
{
	static _Thread_local time_t seconds;
	int (*next)(clockid_t, struct timespec *) = dlsym(RTLD_NEXT, __func__);
	int r = next(clock, ret);
	seconds += hurries;
	ret->tv_sec += seconds;
	return r;
}

/* Without an end the test is killed, after 1000 times of what this takes. */
static void expect_end_of_connection(void)
{
	struct zcrx_area *a;
	assert_int_equal(zcrx_area_new(client.z, &a, 1, 0), -ENOTCONN);
	while (fake_has_client(&fake))
		usleep(1000);
}

static void a_request_that_cannot_be_sent_changes_nothing(void **state)
{
	(void)state;
	struct zcrx_area *a;
	lacks = ENOBUFS;
	assert_int_equal(zcrx_area_new(client.z, &a, 1, 0), -ENOBUFS);
	lacks = 0;
	assert_int_equal(zcrx_area_new(client.z, &a, 1, 0), 0);
}

static void a_queue_is_closed_though_the_request_cannot_be_sent(void **state)
{
	(void)state;
	lacks = ENOBUFS;
	zcrx_queue_close(client.q);
	lacks = 0;
	expect_end_of_connection();
}

static void a_flow_is_closed_though_the_request_cannot_be_sent(void **state)
{
	(void)state;
	struct zcrx_flow *f = client_adopt(&client, NULL, 0);
	lacks = ENOMEM;
	zcrx_flow_close(f, 0);
	lacks = 0;
	expect_end_of_connection();
}

static void an_area_is_freed_though_the_request_cannot_be_sent(void **state)
{
	(void)state;
	zcrx_queue_close(client.q);
	lacks = ENOBUFS;
	assert_int_equal(zcrx_area_free(client.a), 0);
	lacks = 0;
	expect_end_of_connection();
}

/* The pump waits for the kick, and would wait for ever. */
static void a_kick_that_cannot_be_sent_loses_the_queue(void **state)
{
	(void)state;
	struct pollfd fd = {.fd = zcrx_queue_fd(client.q), .events = POLLIN};
	client_adopt(&client, NULL, 0);
	fake_data(&fake, FAKE_FIRST_FLOW, 0, 1);
	struct zcrx_completion c = client_expect(&client, ZCRX_DATA);
	client_expect(&client, 0);
	fake_daemon_page(&fake)->kick = 1;
	lacks = ENOBUFS;
	zcrx_recycle(client.q, &c, 1);
	lacks = 0;
	assert_int_equal(poll(&fd, 1, 0), 1);
	assert_int_equal(client_expect(&client, ZCRX_LOST).error, -ENOBUFS);
}

static void a_kick_without_room_is_not_needed(void **state)
{
	(void)state;
	client_adopt(&client, NULL, 0);
	fake_data(&fake, FAKE_FIRST_FLOW, 0, 1);
	struct zcrx_completion c = client_expect(&client, ZCRX_DATA);
	fake_daemon_page(&fake)->kick = 1;
	lacks = EAGAIN;
	zcrx_recycle(client.q, &c, 1);
	lacks = 0;
	client_expect(&client, 0);
}

/* On the fake's thread. */
static void no_answer(const union msg_any *request, struct fake_reply *r, void *data)
{
	(void)data;
	r->withhold = request->hdr.type == MSG_FLOW_CLOSE;
}

static void events_without_end_do_not_put_the_end_of_waiting_off(void **state)
{
	(void)state;
	struct zcrx_flow *listener = client_adopt(&client, NULL, ZCRX_FLOW_LISTEN);
	struct msg_ok first;
	fake_event(&fake, &first.hdr, 99, sizeof(first), -1);
	fake.change = no_answer;
	flooded = hurries = true;
	zcrx_flow_close(listener, 0);
	flooded = hurries = false;
	expect_end_of_connection();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		FIXTURE_CASE(a_request_that_cannot_be_sent_changes_nothing),
		FIXTURE_CASE(a_queue_is_closed_though_the_request_cannot_be_sent),
		FIXTURE_CASE(a_flow_is_closed_though_the_request_cannot_be_sent),
		FIXTURE_CASE(an_area_is_freed_though_the_request_cannot_be_sent),
		FIXTURE_CASE(a_kick_that_cannot_be_sent_loses_the_queue),
		FIXTURE_CASE(a_kick_without_room_is_not_needed),
		FIXTURE_CASE(events_without_end_do_not_put_the_end_of_waiting_off),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
