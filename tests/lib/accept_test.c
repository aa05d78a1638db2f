/* SPDX-License-Identifier: MIT */
/* Connections that a listener accepted: when they are told of, whose they are, where they end. */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/lib/fixture.h"

static int user;

enum {
	FLOW = FAKE_FIRST_FLOW,
	ACCEPTED = 0x20009,
	MANY = 2000 /* announcements: no channel has room for so many */
};

static bool fd_open(int fd)
{
	return fcntl(fd, F_GETFD) >= 0;
}

static void a_connection_is_opened_before_its_data_comes(void **state)
{
	(void)state;
	struct zcrx_completion c[4];
	client_adopt(&client, &user, ZCRX_FLOW_LISTEN);
	int sock = socket(AF_INET, SOCK_STREAM, 0);
	fake_flow_opened(&fake, FLOW, ACCEPTED, sock);
	close(sock);
	fake_data(&fake, ACCEPTED, 0, 5);
	fake_flow_closed(&fake, ACCEPTED, -ECONNRESET, 1);
	struct zcrx_completion open = client_expect(&client, ZCRX_OPEN);
	assert_ptr_equal(open.user, &user);
	assert_int_equal(zcrx_reap(client.q, c, 4), 2);
	assert_int_equal(c[0].what, ZCRX_DATA);
	assert_ptr_equal(c[0].flow, open.flow);
	assert_int_equal(c[1].what, ZCRX_END);
	assert_ptr_equal(c[1].flow, open.flow);
	assert_int_equal(c[1].error, -ECONNRESET);

	struct sockaddr_in peer;
	socklen_t len = sizeof(peer);
	assert_int_equal(zcrx_flow_remote(open.flow, (struct sockaddr *)&peer, &len), 0);
	assert_int_equal(peer.sin_port, htons(1234));
	sock = zcrx_flow_socket(open.flow);
	assert_true(fd_open(sock));
	zcrx_flow_close(open.flow, 0);
	assert_false(fd_open(sock));
}

static void order_holds_whatever_the_room(void **state)
{
	(void)state;
	client_adopt(&client, &user, ZCRX_FLOW_LISTEN);
	fake_flow_opened(&fake, FLOW, ACCEPTED, -1);
	fake_data(&fake, ACCEPTED, 0, 5);
	fake_flow_closed(&fake, ACCEPTED, 0, 1);
	const int order[] = {ZCRX_OPEN, ZCRX_DATA, ZCRX_END};
	for (int i = 0; i < 3; i++) {
		struct zcrx_completion c;
		assert_int_equal(zcrx_reap(client.q, &c, 1), 1);
		assert_int_equal(c.what, order[i]);
	}
	client_expect(&client, 0);
}

static void a_user_value_of_its_own_replaces_the_listeners(void **state)
{
	(void)state;
	int own;
	client_adopt(&client, &user, ZCRX_FLOW_LISTEN);
	fake_flow_opened(&fake, FLOW, ACCEPTED, -1);
	fake_data(&fake, ACCEPTED, 0, 5);
	zcrx_flow_set_user(client_expect(&client, ZCRX_OPEN).flow, &own);
	assert_ptr_equal(client_expect(&client, ZCRX_DATA).user, &own);
}

/* On the fake's thread: as many as find room in the channel only while they are read. */
static void announce_before_reply(const union msg_any *request, struct fake_reply *r, void *data)
{
	(void)r, (void)data;
	struct msg_flow_opened m = {.hdr = {.size = sizeof(m), .type = MSG_FLOW_OPENED},
				    .queue_id = FAKE_QUEUE_ID,
				    .listener_id = FLOW};
	if (request->hdr.type != MSG_FLOW_CLOSE)
		return;
	for (uint32_t i = 0; i < MANY; i++) {
		m.flow_id = ACCEPTED + i;
		assert_int_equal(send(fake.channel, &m, sizeof(m), MSG_NOSIGNAL), sizeof(m));
	}
	fake_daemon_page(&fake)->events += MANY;
}

static void connections_unseen_outlive_their_listener(void **state)
{
	(void)state;
	struct zcrx_flow *l = client_adopt(&client, &user, ZCRX_FLOW_LISTEN);
	fake.change = announce_before_reply;
	zcrx_flow_close(l, 0);
	fake.change = NULL;
	assert_int_equal(fake_requests(&fake, MSG_FLOW_CLOSE), 1);
	for (uint32_t i = 0; i < MANY; i++) {
		struct zcrx_completion c;
		assert_int_equal(zcrx_reap(client.q, &c, 1), 1);
		assert_int_equal(c.what, ZCRX_OPEN);
		assert_ptr_equal(c.user, &user);
	}
	client_expect(&client, 0);
}

static void connections_seen_outlive_their_listener(void **state)
{
	(void)state;
	struct zcrx_flow *l = client_adopt(&client, NULL, ZCRX_FLOW_LISTEN);
	fake_flow_opened(&fake, FLOW, ACCEPTED, -1);
	struct zcrx_flow *f = client_expect(&client, ZCRX_OPEN).flow;
	zcrx_flow_close(l, 0);
	fake_data(&fake, ACCEPTED, 0, 5);
	assert_ptr_equal(client_expect(&client, ZCRX_DATA).flow, f);
}

static void a_connection_of_no_listener_is_ignored_and_closed(void **state)
{
	(void)state;
	int pipes[2];
	char byte;
	client_adopt(&client, NULL, 0);
	assert_int_equal(pipe(pipes), 0);
	fake_flow_opened(&fake, FLOW, ACCEPTED, pipes[1]);
	fake_flow_opened(&fake, FLOW + 5, ACCEPTED, pipes[1]);
	close(pipes[1]);
	client_expect(&client, 0);
	assert_int_equal(read(pipes[0], &byte, 1), 0);
	close(pipes[0]);
}

static void a_connection_with_a_taken_number_loses_the_queue(void **state)
{
	(void)state;
	client_adopt(&client, NULL, ZCRX_FLOW_LISTEN);
	fake_flow_opened(&fake, FLOW, FLOW + 0x10000, -1);
	assert_int_equal(client_expect(&client, ZCRX_LOST).error, -EPROTO);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		FIXTURE_CASE(a_connection_is_opened_before_its_data_comes),
		FIXTURE_CASE(order_holds_whatever_the_room),
		FIXTURE_CASE(a_user_value_of_its_own_replaces_the_listeners),
		FIXTURE_CASE(connections_unseen_outlive_their_listener),
		FIXTURE_CASE(connections_seen_outlive_their_listener),
		FIXTURE_CASE(a_connection_of_no_listener_is_ignored_and_closed),
		FIXTURE_CASE(a_connection_with_a_taken_number_loses_the_queue),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
