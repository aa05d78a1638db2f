/* SPDX-License-Identifier: MIT */
/* Datagrams that are no messages, and messages that may not be sent. */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "proto/wire.h"
#include "tests/hostile/raw.h"
#include "tests/hostile/world.h"

enum {
	REPLY_ROUND = 500,
	AREA = 64 * 1024,
	CLOSES = 300,
	AHEAD_MAX = 16, /* requests whose replies were not read: docs/protocol.md, Limits */
};

static const struct kind {
	uint16_t type;
	uint32_t bytes;
	uint16_t fds;
} kinds[] = {
#define X(name, number, request, fds_min, ...) {number, sizeof(struct request), fds_min},
	MSG_REQUESTS(X)
#undef X
};

enum {
	REQUESTS = sizeof(kinds) / sizeof(kinds[0])
};

/* A well-formed request with so many copies of a descriptor; returns it unanswered. */
static union msg_any request(struct raw *r, const struct kind *k, uint32_t bytes, uint16_t nfds)
{
	union msg_any m = {0};
	m.hdr = (struct msg_hdr){.size = bytes,
				 .type = k->type,
				 .nfds = nfds,
				 .serial = ++r->serial};
	return m;
}

static void send_with(const struct raw *r, const void *data, size_t bytes, size_t nfds)
{
	int fds[253];
	for (size_t i = 0; i < nfds; i++)
		fds[i] = r->sock;
	raw_send(r, data, bytes, fds, nfds);
}

static void refusal(const struct raw *r, uint16_t type, uint32_t serial, uint32_t reason)
{
	union msg_any m;
	assert_int_equal(raw_receive(r, &m, NULL), sizeof(m.fail));
	raw_is_refusal(&m, type, serial, reason, NULL);
}

static void every_truncated_length_of_every_request_is_refused(void **state)
{
	(void)state;
	struct raw r;
	raw_connect(&r);
	for (const struct kind *k = kinds; k < kinds + REQUESTS; k++)
		for (uint32_t bytes = 1; bytes < k->bytes; bytes++) {
			union msg_any m = request(&r, k, bytes, k->fds);
			send_with(&r, &m, bytes, k->fds);
			bool whole = bytes >= sizeof(m.hdr);
			uint16_t type = whole ? k->type : 0;
			/* Before its length comes its state. */
			bool late = k->type == MSG_HELLO && whole && bytes % 8 == 0;
			refusal(&r, type, whole ? r.serial : 0,
				late ? REASON_STATE : REASON_MALFORMED);
		}
	raw_refused(&r, MSG_AREA_DEL, (union msg_any){0}, -1, REASON_NO_OBJECT, NULL);
	world_is_well();
	raw_close(&r);
}

static void oversized_datagrams_are_refused_with_their_descriptors(void **state)
{
	(void)state;
	static const char data[128 * 1024];
	struct raw r;
	raw_connect(&r);
	for (size_t bytes = MSG_BYTES_MAX + 1; bytes < sizeof(data); bytes += bytes / 2) {
		send_with(&r, data, bytes, bytes % 5);
		refusal(&r, 0, 0, REASON_MALFORMED);
	}
	raw_refused(&r, MSG_AREA_DEL, (union msg_any){0}, -1, REASON_NO_OBJECT, NULL);
	world_is_well();
	raw_close(&r);
}

static void unknown_requests_are_refused(void **state)
{
	(void)state;
	struct raw r;
	raw_connect(&r);
	for (uint32_t type = 0; type <= UINT16_MAX; type += type < 80 ? 1 : 4999) {
		if (type >= MSG_HELLO && type <= MSG_FLOW_CLOSE)
			continue;
		const struct kind k = {.type = (uint16_t)type};
		uint16_t nfds = (uint16_t)(type % 5);
		union msg_any m = request(&r, &k, 64, nfds);
		memset(&m.words[2], 0xff, 48);
		send_with(&r, &m, 64, nfds);
		refusal(&r, k.type, r.serial, REASON_UNKNOWN_REQUEST);
	}
	world_is_well();
	raw_close(&r);
}

static void nothing_but_hello_comes_first_and_it_comes_once(void **state)
{
	(void)state;
	struct raw r;
	union msg_any hello = {.hello = {.version_min = 1, .version_max = 1}};
	raw_connect_mutely(&r);
	for (const struct kind *k = kinds + 1; k < kinds + REQUESTS; k++)
		if (k->fds == 0) /* the others the kernel refuses: quota_test.c */
			raw_refused(&r, k->type, (union msg_any){0}, -1, REASON_STATE, NULL);
	world_is_well();
	union msg_any m = hello;
	assert_int_equal(raw_request(&r, MSG_HELLO, &m, -1, NULL), 0);
	raw_refused(&r, MSG_HELLO, hello, -1, REASON_STATE, NULL);
	raw_close(&r);
}

static void versions_that_do_not_meet_are_refused(void **state)
{
	(void)state;
	struct raw r;
	raw_connect_mutely(&r);
	const uint16_t ranges[][2] = {{0, 0}, {2, 2}, {2, 9}, {2, 1}, {UINT16_MAX, UINT16_MAX}};
	for (size_t i = 0; i < sizeof(ranges) / sizeof(ranges[0]); i++) {
		union msg_any m = {
			.hello = {.version_min = ranges[i][0], .version_max = ranges[i][1]}};
		raw_refused(&r, MSG_HELLO, m, -1, REASON_VERSION, NULL);
	}
	union msg_any m = {.hello = {.version_min = 0, .version_max = UINT16_MAX}};
	assert_int_equal(raw_request(&r, MSG_HELLO, &m, -1, NULL), 0);
	assert_int_equal(m.hello_reply.version, 1);
	raw_close(&r);
}

static void a_tail_of_zeroes_is_accepted_and_any_other_refused(void **state)
{
	(void)state;
	struct raw r;
	raw_connect(&r);
	const struct kind *k = &kinds[2];
	assert_int_equal(k->type, MSG_AREA_DEL);
	for (uint32_t bytes = k->bytes + 8; bytes <= MSG_BYTES_MAX; bytes += 256 + 8) {
		union msg_any m = request(&r, k, bytes, 0);
		send_with(&r, &m, bytes, 0);
		refusal(&r, k->type, r.serial, REASON_NO_OBJECT);
		((char *)&m)[bytes - 1] = 1;
		send_with(&r, &m, bytes, 0);
		refusal(&r, k->type, r.serial, REASON_UNKNOWN_FIELD);
	}
	for (k = kinds + 1; k < kinds + REQUESTS; k++) {
		union msg_any m = request(&r, k, k->bytes + 8, k->fds);
		((char *)&m)[k->bytes] = 1;
		send_with(&r, &m, k->bytes + 8, k->fds);
		refusal(&r, k->type, r.serial, REASON_UNKNOWN_FIELD);
	}
	world_is_well();
	raw_close(&r);
}

static void the_wrong_number_of_descriptors_is_refused(void **state)
{
	(void)state;
	struct raw r;
	raw_connect(&r);
	for (const struct kind *k = kinds + 1; k < kinds + REQUESTS; k++)
		for (uint16_t nfds = 0; nfds <= MSG_FDS_MAX; nfds++) {
			if (nfds == k->fds)
				continue;
			union msg_any m = request(&r, k, k->bytes, nfds);
			send_with(&r, &m, k->bytes, nfds);
			refusal(&r, k->type, r.serial, REASON_MALFORMED);
			m.hdr.nfds = k->fds; /* and says nothing of the others */
			send_with(&r, &m, k->bytes, nfds);
			refusal(&r, k->type, r.serial, REASON_MALFORMED);
		}
	const uint16_t many[] = {5, 6, 100, 253};
	for (size_t i = 0; i < sizeof(many) / sizeof(many[0]); i++) {
		union msg_any m = request(&r, &kinds[1], kinds[1].bytes, many[i]);
		send_with(&r, &m, kinds[1].bytes, many[i]);
		refusal(&r, 0, 0, REASON_MALFORMED);
	}
	world_is_well();
	raw_close(&r);
}

static void a_header_that_lies_is_refused(void **state)
{
	(void)state;
	struct raw r;
	raw_connect(&r);
	const struct kind *k = &kinds[2];
	const struct msg_hdr lies[] = {
		{.size = 16, .type = MSG_AREA_DEL, .serial = 100},
		{.size = 32, .type = MSG_AREA_DEL, .serial = 101},
		{.size = 0, .type = MSG_AREA_DEL, .serial = 102},
		{.size = UINT32_MAX, .type = MSG_AREA_DEL, .serial = 103},
		{.size = 24, .type = MSG_AREA_DEL, .serial = 104, .error = -1},
		{.size = 24, .type = MSG_AREA_DEL, .serial = 105, .error = 1},
		{.size = 24, .type = MSG_AREA_DEL, .serial = 0},
		{.size = 24, .type = MSG_FLOW_CLOSED, .serial = 0},
		{.size = 24, .type = MSG_AREA_DEL, .serial = 106, .nfds = UINT16_MAX},
	};
	for (size_t i = 0; i < sizeof(lies) / sizeof(lies[0]); i++) {
		union msg_any m = {.hdr = lies[i]};
		send_with(&r, &m, k->bytes, 0);
		refusal(&r, lies[i].type, lies[i].serial, REASON_MALFORMED);
	}
	world_is_well();
	raw_close(&r);
}

static void an_empty_datagram_ends_the_connection(void **state)
{
	(void)state;
	for (size_t nfds = 0; nfds <= MSG_FDS_MAX; nfds++) {
		struct raw r;
		raw_connect(&r);
		send_with(&r, "", 0, nfds);
		raw_ended(&r);
		raw_close(&r);
	}
}

static void a_connection_half_closed_ends(void **state)
{
	(void)state;
	const int halves[] = {SHUT_WR, SHUT_RDWR, SHUT_RD};
	for (size_t i = 0; i < 3; i++) {
		struct raw r;
		raw_connect(&r);
		shutdown(r.sock, halves[i]);
		if (halves[i] == SHUT_RD) { /* seen when the daemon answers */
			union msg_any m = request(&r, &kinds[2], kinds[2].bytes, 0);
			send_with(&r, &m, kinds[2].bytes, 0);
		}
		WORLD_UNTIL(world_clients() == 1);
		raw_close(&r);
	}
}

/* Sends a request, with its own end or without, and does not wait. Returns 0 or a negative errno.
 */
static int ask(struct raw *r, uint16_t nfds)
{
	union msg_any m = request(r, &kinds[2], kinds[2].bytes, nfds);
	return wire_send(r->sock, &m.hdr, &r->sock, 0);
}

static void requests_sent_ahead_are_answered_in_order(void **state)
{
	(void)state;
	struct raw r;
	union msg_any m;
	raw_connect(&r);
	uint32_t serial = r.serial + 1;
	for (int i = 0; i < AHEAD_MAX; i++)
		assert_int_equal(ask(&r, 0), 0);
	for (int i = 0; i < AHEAD_MAX; i++) {
		assert_int_equal(raw_receive(&r, &m, NULL), sizeof(m.fail));
		raw_is_refusal(&m, MSG_AREA_DEL, serial++, REASON_NO_OBJECT, NULL);
	}
	raw_close(&r);
}

static void whoever_reads_no_reply_is_hung_up_on(void **state)
{
	(void)state;
	struct raw r;
	union msg_any m;
	int error = 0;
	raw_connect(&r);
	for (int i = 0; error == 0 && i < 100000; i++)
		error = ask(&r, 0);
	assert_true(error == -EPIPE || error == -ECONNRESET);
	world_is_well();
	while (raw_receive(&r, &m, NULL) > 0)
		;
	raw_close(&r);
}

/* The client sends its own end to the daemon and closes it: only unread requests hold that end
 * then. */
static void an_end_sent_to_its_other_end_does_not_outlive_its_client(void **state)
{
	(void)state;
	struct raw r;
	raw_connect(&r);
	for (int i = 0; i < 1000 && ask(&r, 1) == 0; i++)
		;
	raw_close(&r);
}

/* The daemon reads no further request before the client has read the descriptors it was sent. */
static void nor_does_one_sent_after_descriptors_that_nobody_reads(void **state)
{
	(void)state;
	struct raw r;
	raw_connect(&r);
	int memory = raw_memfd(AREA);
	union msg_any m = {.queue_open = {.area_id = raw_area_add(&r, memory, AREA),
					  .backend = MSG_BACKEND_COPY}};
	m.hdr = (struct msg_hdr){sizeof(m.queue_open), MSG_QUEUE_OPEN, 0, ++r.serial, 0};
	assert_int_equal(wire_send(r.sock, &m.hdr, NULL, 0), 0);
	assert_int_equal(ask(&r, 1), 0);
	close(memory);
	raw_close(&r);
}

/* Closing the channel closes the queue, too; QUEUE_CLOSE then says when it is gone. */
static void a_queue_without_its_channel_is_gone_when_its_close_is_answered(void **state)
{
	(void)state;
	struct raw r;
	raw_connect(&r);
	int memory = raw_memfd(AREA), fds[MSG_FDS_MAX];
	const union msg_any open = {.queue_open = {.area_id = raw_area_add(&r, memory, AREA),
						   .backend = MSG_BACKEND_COPY}};
	union msg_any m = open, close_it = {0};
	assert_int_equal(raw_request(&r, MSG_QUEUE_OPEN, &m, -1, fds), 0);
	for (int i = 0; i < CLOSES; i++) {
		close_it.queue_close =
			(struct msg_queue_close){.hdr = {sizeof(m.queue_close), MSG_QUEUE_CLOSE, 0,
							 ++r.serial, 0},
						 .queue_id = m.queue_open_reply.queue_id};
		union msg_any again = open;
		again.hdr =
			(struct msg_hdr){sizeof(m.queue_open), MSG_QUEUE_OPEN, 0, ++r.serial, 0};
		wire_close(fds, m.hdr.nfds);
		assert_int_equal(wire_send(r.sock, &close_it.hdr, NULL, 0), 0);
		assert_int_equal(wire_send(r.sock, &again.hdr, NULL, 0), 0);
		assert_true(raw_receive(&r, &m, fds) > 0);
		assert_true(m.hdr.error == 0 || m.hdr.error == reason_error(REASON_NO_OBJECT));
		assert_true(raw_receive(&r, &m, fds) > 0);
		assert_int_equal(m.hdr.error, 0);
	}
	wire_close(fds, m.hdr.nfds);
	close(memory);
	raw_close(&r);
}

static void connecting_and_hanging_up_all_the_time_disturbs_nobody(void **state)
{
	(void)state;
	for (int i = 0; i < REPLY_ROUND; i++) {
		struct raw r;
		raw_connect_mutely(&r);
		if (i % 2) {
			union msg_any m = request(&r, &kinds[0], kinds[0].bytes, 0);
			send_with(&r, &m, kinds[0].bytes, 0);
		}
		raw_close(&r);
		if (i % 100 == 0)
			world_is_well();
	}
}

static void a_name_is_only_shown(void **state)
{
	(void)state;
	struct raw r;
	union msg_any m = {.hello = {.version_min = 1, .version_max = 1}};
	memcpy(m.hello.name, "\",\"pid\":1,\n\x1b[31m\xff\\0123456789abcde", 32);
	raw_connect_mutely(&r);
	assert_int_equal(raw_request(&r, MSG_HELLO, &m, -1, NULL), 0);
	char *text = world_status();
	assert_non_null(strstr(text, "\"name\":\"\\\",\\\"pid\\\":1,??[31m?\\\\0123456789abc\""));
	free(text);
	assert_int_equal(world_clients(), 2);
	raw_close(&r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		WORLD_CASE(every_truncated_length_of_every_request_is_refused),
		WORLD_CASE(oversized_datagrams_are_refused_with_their_descriptors),
		WORLD_CASE(unknown_requests_are_refused),
		WORLD_CASE(nothing_but_hello_comes_first_and_it_comes_once),
		WORLD_CASE(versions_that_do_not_meet_are_refused),
		WORLD_CASE(a_tail_of_zeroes_is_accepted_and_any_other_refused),
		WORLD_CASE(the_wrong_number_of_descriptors_is_refused),
		WORLD_CASE(a_header_that_lies_is_refused),
		WORLD_CASE(an_empty_datagram_ends_the_connection),
		WORLD_CASE(a_connection_half_closed_ends),
		WORLD_CASE(requests_sent_ahead_are_answered_in_order),
		WORLD_CASE(whoever_reads_no_reply_is_hung_up_on),
		WORLD_CASE(an_end_sent_to_its_other_end_does_not_outlive_its_client),
		WORLD_CASE(nor_does_one_sent_after_descriptors_that_nobody_reads),
		WORLD_CASE(a_queue_without_its_channel_is_gone_when_its_close_is_answered),
		WORLD_CASE(connecting_and_hanging_up_all_the_time_disturbs_nobody),
		WORLD_CASE(a_name_is_only_shown),
	};
	return cmocka_run_group_tests(tests, world_setup, world_teardown);
}
