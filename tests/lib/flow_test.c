/* SPDX-License-Identifier: MIT */
/* Flows from their beginning to their end, against a daemon that only talks. */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/lib/fixture.h"

static int user;

enum {
	FLOW = FAKE_FIRST_FLOW,
	ACCEPTED = 0x20009
};

static bool fd_open(int fd)
{
	return fcntl(fd, F_GETFD) >= 0;
}

/* ---- beginning ---- */

static void an_adopted_socket_stays_the_callers(void **state)
{
	(void)state;
	int sock = socket(AF_INET, SOCK_STREAM, 0);
	struct zcrx_flow *f;
	assert_int_equal(zcrx_flow_adopt(client.q, &f, sock, 0, &user), 0);
	struct msg_flow_adopt m = fake_last_request(&fake).flow_adopt;
	assert_int_equal(m.hdr.nfds, 1);
	assert_int_equal(m.queue_id, FAKE_QUEUE_ID);
	assert_int_equal(m.flags, 0);
	assert_int_equal(zcrx_flow_socket(f), sock);
	assert_ptr_equal(zcrx_flow_user(f), &user);
	zcrx_flow_close(f, 0);
	assert_true(fd_open(sock));
	close(sock);
}

static void a_flow_knows_its_addresses(void **state)
{
	(void)state;
	struct zcrx_flow *f = client_adopt(&client, NULL, 0);
	struct sockaddr_in local = {0};
	struct sockaddr_in6 remote = {0};
	socklen_t len = sizeof(local);
	assert_int_equal(zcrx_flow_local(f, (struct sockaddr *)&local, &len), 0);
	assert_int_equal(local.sin_port, htons(80));
	len = sizeof(remote);
	assert_int_equal(zcrx_flow_remote(f, (struct sockaddr *)&remote, &len), 0);
	assert_int_equal(remote.sin6_port, htons(81));
	assert_memory_equal(&remote.sin6_addr, &in6addr_loopback, 16);
}

static void an_address_is_written_as_far_as_there_is_room(void **state)
{
	(void)state;
	struct zcrx_flow *f = client_adopt(&client, NULL, 0);
	for (socklen_t room = 0; room < sizeof(struct sockaddr_in); room++) {
		unsigned char out[sizeof(struct sockaddr_in)];
		memset(out, 0xaa, sizeof(out));
		socklen_t len = room;
		assert_int_equal(zcrx_flow_local(f, (struct sockaddr *)(void *)out, &len), 0);
		assert_int_equal(len, sizeof(struct sockaddr_in));
		for (size_t i = room; i < sizeof(out); i++)
			assert_int_equal(out[i], 0xaa);
	}
}

static void adopting_nonsense_is_refused_here(void **state)
{
	(void)state;
	struct zcrx_flow *f = NULL;
	assert_int_equal(zcrx_flow_adopt(client.q, &f, -1, 0, NULL), -EBADF);
	assert_int_equal(zcrx_flow_adopt(client.q, &f, 0, ZCRX_FLOW_HOST, NULL), -EINVAL);
	assert_int_equal(zcrx_flow_adopt(client.q, &f, 1023, 0, NULL), -EBADF);
	assert_null(f);
	assert_int_equal(fake_requests(&fake, MSG_FLOW_ADOPT), 0);
	client_adopt(&client, NULL, 0);
}

static struct sockaddr_in loopback(void)
{
	return (struct sockaddr_in){
		.sin_family = AF_INET,
		.sin_addr = {htonl(INADDR_LOOPBACK)},
	};
}

static void listening_and_connecting_open_sockets_of_the_flow(void **state)
{
	(void)state;
	struct sockaddr_in at = loopback();
	socklen_t len = sizeof(at);
	struct zcrx_flow *l, *f;
	int on = 0;
	socklen_t on_len = sizeof(on);
	assert_int_equal(zcrx_flow_listen(client.q, &l, (struct sockaddr *)&at, len, 0, NULL), 0);
	int listener = zcrx_flow_socket(l);
	assert_int_equal(fake_last_request(&fake).flow_adopt.flags, MSG_FLOW_LISTEN);
	assert_int_equal(getsockopt(listener, SOL_SOCKET, SO_ACCEPTCONN, &on, &on_len), 0);
	assert_int_equal(on, 1);
	assert_int_equal(fcntl(listener, F_GETFD), FD_CLOEXEC);
	assert_int_equal(getsockname(listener, (struct sockaddr *)&at, &len), 0);

	assert_int_equal(zcrx_flow_connect(client.q, &f, (struct sockaddr *)&at, len, 0, NULL), 0);
	int sock = zcrx_flow_socket(f);
	assert_int_equal(fake_last_request(&fake).flow_adopt.flags, 0);
	assert_int_equal(fcntl(sock, F_GETFD), FD_CLOEXEC);
	assert_int_equal(getpeername(sock, (struct sockaddr *)&at, &len), 0);
	zcrx_flow_close(f, 0);
	zcrx_flow_close(l, 0);
	assert_false(fd_open(sock));
	assert_false(fd_open(listener));
}

static void what_the_network_refuses_is_said(void **state)
{
	(void)state;
	struct sockaddr_in at = loopback();
	struct zcrx_flow *f = NULL;
	at.sin_port = htons(1);
	int r = zcrx_flow_connect(client.q, &f, (struct sockaddr *)&at, sizeof(at), 0, NULL);
	assert_int_equal(r, -ECONNREFUSED);
	assert_non_null(strstr(zcrx_error(client.z), "Connection refused"));
	at.sin_addr.s_addr = htonl(0xc0000201);
	r = zcrx_flow_listen(client.q, &f, (struct sockaddr *)&at, sizeof(at), 0, NULL);
	assert_int_equal(r, -EADDRNOTAVAIL);
	assert_null(f);
	assert_int_equal(fake_requests(&fake, MSG_FLOW_ADOPT), 0);
}

static void bad_addresses_and_flags_are_refused_here(void **state)
{
	(void)state;
	struct sockaddr_in at = loopback();
	const struct sockaddr *to = (struct sockaddr *)&at;
	const unsigned bad[] = {ZCRX_FLOW_LISTEN, ZCRX_FLOW_RECEIVE_ONLY, 0x8,
				ZCRX_FLOW_HOST | ZCRX_FLOW_LISTEN};
	struct zcrx_flow *f;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		assert_int_equal(zcrx_flow_connect(client.q, &f, to, sizeof(at), bad[i], NULL),
				 -EINVAL);
		assert_int_equal(zcrx_flow_listen(client.q, &f, to, sizeof(at), bad[i], NULL),
				 -EINVAL);
	}
	assert_int_equal(zcrx_flow_connect(client.q, &f, to, 4, 0, NULL), -EINVAL);
	at.sin_family = AF_UNIX;
	assert_int_equal(zcrx_flow_connect(client.q, &f, to, sizeof(at), 0, NULL), -EAFNOSUPPORT);
}

static void add_socket(const union msg_any *request, struct fake_reply *r, void *data)
{
	(void)data;
	if (request->hdr.type != MSG_FLOW_HOST || request->flow_host.flags & MSG_FLOW_RECEIVE_ONLY)
		return;
	r->fds[0] = socket(AF_INET, SOCK_STREAM, 0);
	r->m.hdr.nfds = 1;
}

static void host_flows_are_opened_by_the_daemon(void **state)
{
	(void)state;
	struct sockaddr_in at = loopback();
	const struct sockaddr *to = (struct sockaddr *)&at;
	unsigned receive_only = ZCRX_FLOW_HOST | ZCRX_FLOW_RECEIVE_ONLY;
	struct zcrx_flow *f;
	at.sin_port = htons(99);
	fake.change = add_socket;
	assert_int_equal(zcrx_flow_connect(client.q, &f, to, sizeof(at), ZCRX_FLOW_HOST, NULL), 0);
	struct msg_flow_host m = fake_last_request(&fake).flow_host;
	assert_int_equal(m.flags, 0);
	assert_int_equal(m.remote.port, 99);
	assert_int_equal(m.local.family, 0);
	assert_true(m.timeout_ms > 0);
	int sock = zcrx_flow_socket(f);
	assert_int_equal(fcntl(sock, F_GETFD), FD_CLOEXEC);
	zcrx_flow_close(f, 0);
	assert_false(fd_open(sock));

	assert_int_equal(zcrx_flow_listen(client.q, &f, to, sizeof(at), receive_only, NULL), 0);
	m = fake_last_request(&fake).flow_host;
	assert_int_equal(m.flags, MSG_FLOW_LISTEN | MSG_FLOW_RECEIVE_ONLY);
	assert_int_equal(m.local.port, 99);
	assert_int_equal(m.remote.family, 0);
	assert_int_equal(zcrx_flow_socket(f), -1);
}

static void take_number(const union msg_any *request, struct fake_reply *r, void *data)
{
	const uint32_t *number = data;
	if (request->hdr.type == MSG_FLOW_ADOPT)
		r->m.flow_reply.flow_id = *number;
}

static void a_number_that_is_taken_ends_the_connection(void **state)
{
	(void)state;
	const uint32_t numbers[] = {0, FLOW, FLOW + 0x10000};
	for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
		uint32_t number = numbers[i];
		struct zcrx_flow *f = NULL;
		client_adopt(&client, NULL, 0);
		fake.change = take_number;
		fake.data = &number;
		assert_int_equal(zcrx_flow_adopt(client.q, &f, 0, 0, NULL), -EPROTO);
		assert_null(f);
		assert_int_equal(zcrx_flow_adopt(client.q, &f, 0, 0, NULL), -ENOTCONN);
		zcrx_close(client.z);
		fake.change = NULL;
		fake.next_flow = FLOW;
		client_open(&client, &fake);
	}
}

static void any_index_has_a_place(void **state)
{
	(void)state;
	const uint32_t ids[] = {0x1ffff, 0x18000, 0x10010, 0x1000f, 0x10000};
	struct ring_rqe taken;
	for (size_t i = 0; i < sizeof(ids) / sizeof(ids[0]); i++) {
		fake.next_flow = ids[i];
		struct zcrx_flow *f = client_adopt(&client, NULL, 0);
		fake_data(&fake, ids[i], 0, 1);
		struct zcrx_completion c = client_expect(&client, ZCRX_DATA);
		assert_ptr_equal(c.flow, f);
		zcrx_recycle(client.q, &c, 1);
		assert_true(fake_refill(&fake, &taken));
	}
}

/* ---- ending ---- */

static void the_end_waits_for_the_data_before_it(void **state)
{
	(void)state;
	struct zcrx_completion c;
	struct zcrx_flow *f = client_adopt(&client, &user, 0);
	fake_flow_closed(&fake, FLOW, 0, 2);
	client_expect(&client, 0);
	fake_data(&fake, FLOW, 0, 5);
	client_expect(&client, ZCRX_DATA);
	client_expect(&client, 0);
	fake_cqe(&fake, FLOW, 0, 0);
	c = client_expect(&client, ZCRX_END);
	assert_ptr_equal(c.flow, f);
	assert_ptr_equal(c.user, &user);
	assert_int_equal(c.error, 0);
}

static void the_end_comes_once_and_nothing_after_it(void **state)
{
	(void)state;
	struct ring_rqe e;
	client_adopt(&client, NULL, 0);
	fake_flow_closed(&fake, FLOW, -ETIMEDOUT, 0);
	assert_int_equal(client_expect(&client, ZCRX_END).error, -ETIMEDOUT);
	fake_flow_closed(&fake, FLOW, 0, 0);
	fake_data(&fake, FLOW, 1, 5);
	client_expect(&client, 0);
	assert_true(fake_refill(&fake, &e));
}

static void positions_are_compared_across_their_wrap(void **state)
{
	(void)state;
	struct zcrx_flow *f = client_adopt(&client, NULL, 0);
	client_adopt(&client, NULL, 0);
	fake_flow_closed(&fake, FLOW, 0, UINT32_MAX);
	fake_flow_closed(&fake, FLOW + 1, 0, 0x7fffffff);
	assert_ptr_equal(client_expect(&client, ZCRX_END).flow, f);
	client_expect(&client, 0);
}

static void closing_says_how(void **state)
{
	(void)state;
	zcrx_flow_close(client_adopt(&client, NULL, 0), 0);
	assert_int_equal(fake_last_request(&fake).flow_close.flags, 0);
	assert_int_equal(fake_last_request(&fake).flow_close.flow_id, FLOW);
	zcrx_flow_close(client_adopt(&client, NULL, 0), ZCRX_CLOSE_ABORT);
	assert_int_equal(fake_last_request(&fake).flow_close.flags, MSG_CLOSE_ABORT);
	zcrx_flow_close(NULL, 0);
}

static void a_flow_may_be_closed_in_every_state(void **state)
{
	(void)state;
	struct zcrx_flow *l = client_adopt(&client, NULL, ZCRX_FLOW_LISTEN);
	zcrx_flow_close(client_adopt(&client, NULL, 0), 0); /* live */
	struct zcrx_flow *f = client_adopt(&client, NULL, 0);
	fake_flow_closed(&fake, FLOW + 2, 0, 5);
	client_expect(&client, 0);
	zcrx_flow_close(f, 0); /* ending */
	f = client_adopt(&client, NULL, 0);
	fake_flow_closed(&fake, FLOW + 3, 0, 0);
	client_expect(&client, ZCRX_END);
	zcrx_flow_close(f, 0); /* ended */
	zcrx_flow_close(l, 0);
	client_expect(&client, 0);
}

static void pausing_says_on_and_off(void **state)
{
	(void)state;
	struct zcrx_flow *f = client_adopt(&client, NULL, 0);
	assert_int_equal(zcrx_flow_pause(f, 5), 0);
	assert_int_equal(fake_last_request(&fake).flow_pause.on, 1);
	assert_int_equal(fake_last_request(&fake).flow_pause.flow_id, FLOW);
	assert_int_equal(zcrx_flow_pause(f, 0), 0);
	assert_int_equal(fake_last_request(&fake).flow_pause.on, 0);
}

static void flows_end_with_their_queue(void **state)
{
	(void)state;
	int pipes[2];
	char byte;
	client_adopt(&client, NULL, ZCRX_FLOW_LISTEN);
	assert_int_equal(pipe(pipes), 0);
	fake_flow_opened(&fake, FLOW, ACCEPTED, pipes[1]);
	fake_flow_opened(&fake, FLOW, ACCEPTED + 1, pipes[1]);
	close(pipes[1]);
	struct zcrx_completion c;
	assert_int_equal(zcrx_reap(client.q, &c, 1), 1);
	zcrx_queue_close(client.q);
	assert_int_equal(read(pipes[0], &byte, 1), 0);
	close(pipes[0]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		FIXTURE_CASE(an_adopted_socket_stays_the_callers),
		FIXTURE_CASE(a_flow_knows_its_addresses),
		FIXTURE_CASE(an_address_is_written_as_far_as_there_is_room),
		FIXTURE_CASE(adopting_nonsense_is_refused_here),
		FIXTURE_CASE(listening_and_connecting_open_sockets_of_the_flow),
		FIXTURE_CASE(what_the_network_refuses_is_said),
		FIXTURE_CASE(bad_addresses_and_flags_are_refused_here),
		FIXTURE_CASE(host_flows_are_opened_by_the_daemon),
		FIXTURE_CASE(a_number_that_is_taken_ends_the_connection),
		FIXTURE_CASE(any_index_has_a_place),
		FIXTURE_CASE(the_end_waits_for_the_data_before_it),
		FIXTURE_CASE(the_end_comes_once_and_nothing_after_it),
		FIXTURE_CASE(positions_are_compared_across_their_wrap),
		FIXTURE_CASE(closing_says_how),
		FIXTURE_CASE(a_flow_may_be_closed_in_every_state),
		FIXTURE_CASE(pausing_says_on_and_off),
		FIXTURE_CASE(flows_end_with_their_queue),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
