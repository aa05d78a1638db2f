/* SPDX-License-Identifier: MIT */
/* The message checker: every kind of message in every length, with every tail. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "proto/msg.h"
#include "proto/reason.h"

enum {
	SERIAL = 7
};

static const struct kind {
	const char *name;
	uint16_t type;
	enum msg_state state;
	uint32_t request_bytes;
	uint16_t fds_min, fds_max;
	uint32_t reply_bytes;
	uint16_t reply_fds_min, reply_fds_max;
} kinds[] = {
#define X(name, number, request, least, most, reply, reply_least, reply_most, state) \
	{#name,     number, MSG_STATE_##state,    sizeof(struct request),            \
	 least,     most,   sizeof(struct reply), reply_least,                       \
	 reply_most},
	MSG_REQUESTS(X)
#undef X
#define X(name, number, event, least, most) \
	{#name, number, MSG_STATE_EVENT, sizeof(struct event), least, most, 0, 0, 0},
		MSG_EVENTS(X)
#undef X
};

enum {
	KINDS = sizeof(kinds) / sizeof(kinds[0])
};

/* A well-formed message of this kind, but for what the caller then changes. */
static union msg_any make(const struct kind *k, uint32_t len)
{
	union msg_any m = {0};
	m.hdr = (struct msg_hdr){.size = len,
				 .type = k->type,
				 .nfds = k->fds_min,
				 .serial = k->state == MSG_STATE_EVENT ? 0 : SERIAL};
	return m;
}

static void expect(const union msg_any *m, uint32_t len, const struct kind *k, uint32_t reason)
{
	uint32_t got = REASON_NONE;
	int r = msg_check(m, len, m->hdr.nfds, k->state, &got);
	if (r != reason_error(reason) || got != reason)
		fail_msg("%s of %u bytes, %u fds: %s, not %s", k->name, len, m->hdr.nfds,
			 reason_name(got), reason_name(reason));
}

static void accepts_every_message_of_its_own_length(void **state)
{
	(void)state;
	for (const struct kind *k = kinds; k < kinds + KINDS; k++) {
		union msg_any m = make(k, k->request_bytes);
		expect(&m, k->request_bytes, k, REASON_NONE);
		m.hdr.nfds = k->fds_max;
		expect(&m, k->request_bytes, k, REASON_NONE);
	}
}

static void refuses_every_truncated_length(void **state)
{
	(void)state;
	for (const struct kind *k = kinds; k < kinds + KINDS; k++)
		for (uint32_t len = 0; len < k->request_bytes; len++) {
			union msg_any m = make(k, len);
			expect(&m, len, k, REASON_MALFORMED);
			m.hdr.size = k->request_bytes;
			expect(&m, len, k, REASON_MALFORMED);
		}
}

static void accepts_a_zero_tail_of_any_length(void **state)
{
	(void)state;
	for (const struct kind *k = kinds; k < kinds + KINDS; k++)
		for (uint32_t len = k->request_bytes; len <= MSG_BYTES_MAX; len += 8) {
			union msg_any m = make(k, len);
			expect(&m, len, k, REASON_NONE);
		}
}

static void refuses_a_tail_with_any_bit_set(void **state)
{
	(void)state;
	for (const struct kind *k = kinds; k < kinds + KINDS; k++)
		for (uint32_t at = k->request_bytes; at < MSG_BYTES_MAX; at++) {
			union msg_any m = make(k, MSG_BYTES_MAX);
			((char *)&m)[at] = (char)0x80;
			expect(&m, MSG_BYTES_MAX, k, REASON_UNKNOWN_FIELD);
		}
}

static void refuses_lengths_that_lie_or_are_odd(void **state)
{
	(void)state;
	const struct kind *k = &kinds[0];
	const int32_t lies[] = {-16, -8, -1, 1, 4, 8, 4096, INT32_MAX};
	for (size_t i = 0; i < sizeof(lies) / sizeof(lies[0]); i++) {
		union msg_any m = make(k, k->request_bytes + (uint32_t)lies[i]);
		expect(&m, k->request_bytes, k, REASON_MALFORMED);
	}
	for (uint32_t odd = 1; odd < 8; odd++) {
		union msg_any m = make(k, k->request_bytes + odd);
		expect(&m, k->request_bytes + odd, k, REASON_MALFORMED);
	}
	union msg_any m = make(k, MSG_BYTES_MAX + 8);
	expect(&m, MSG_BYTES_MAX + 8, k, REASON_MALFORMED);
}

static void refuses_any_other_number_of_descriptors(void **state)
{
	(void)state;
	for (const struct kind *k = kinds; k < kinds + KINDS; k++)
		for (uint16_t n = 0; n <= MSG_FDS_MAX + 1; n++) {
			bool fits = n >= k->fds_min && n <= k->fds_max;
			union msg_any m = make(k, k->request_bytes);
			m.hdr.nfds = n;
			expect(&m, k->request_bytes, k, fits ? REASON_NONE : REASON_MALFORMED);
			uint32_t reason = REASON_NONE;
			assert_int_equal(msg_check(&m, k->request_bytes, n + 1u, k->state, &reason),
					 -EBADMSG);
			assert_int_equal(reason, REASON_MALFORMED);
		}
}

static void refuses_what_is_not_allowed_in_this_state(void **state)
{
	(void)state;
	for (const struct kind *k = kinds; k < kinds + KINDS; k++) {
		if (k->state == MSG_STATE_EVENT)
			continue;
		union msg_any m = make(k, k->request_bytes);
		uint32_t reason = REASON_NONE;
		enum msg_state other = k->state == MSG_STATE_NEW ? MSG_STATE_READY : MSG_STATE_NEW;
		assert_int_equal(msg_check(&m, k->request_bytes, k->fds_min, other, &reason),
				 -EPROTO);
		assert_int_equal(reason, REASON_STATE);
	}
}

static void an_event_is_no_request_and_a_request_no_event(void **state)
{
	(void)state;
	for (const struct kind *k = kinds; k < kinds + KINDS; k++) {
		bool event = k->state == MSG_STATE_EVENT;
		union msg_any m = make(k, k->request_bytes);
		uint32_t reason = REASON_NONE;
		enum msg_state other = event ? MSG_STATE_READY : MSG_STATE_EVENT;
		assert_int_equal(msg_check(&m, k->request_bytes, k->fds_min, other, &reason),
				 -EBADMSG);
		m.hdr.serial = event ? SERIAL : 0;
		assert_int_equal(msg_check(&m, k->request_bytes, k->fds_min, other, &reason),
				 -EOPNOTSUPP);
		assert_int_equal(reason, REASON_UNKNOWN_REQUEST);
	}
}

static void refuses_unknown_types_whatever_they_carry(void **state)
{
	(void)state;
	for (uint32_t type = 0; type <= UINT16_MAX; type++) {
		if (strcmp(msg_name((uint16_t)type), "?") != 0)
			continue;
		const struct kind k = {.name = "?",
				       .type = (uint16_t)type,
				       .state = MSG_STATE_READY};
		union msg_any m = make(&k, 64);
		m.hdr.nfds = (uint16_t)(type % 5);
		memset(&m.words[2], 0xff, 48);
		expect(&m, 64, &k, REASON_UNKNOWN_REQUEST);
	}
}

static void refuses_requests_with_an_error_or_without_a_serial(void **state)
{
	(void)state;
	for (const struct kind *k = kinds; k < kinds + KINDS; k++) {
		union msg_any m = make(k, k->request_bytes);
		m.hdr.error = -1;
		expect(&m, k->request_bytes, k, REASON_MALFORMED);
		m.hdr.error = 1;
		expect(&m, k->request_bytes, k, REASON_MALFORMED);
		m.hdr.error = 0;
		m.hdr.serial = k->state == MSG_STATE_EVENT ? SERIAL : 0;
		expect(&m, k->request_bytes, k, REASON_MALFORMED);
	}
}

static union msg_any make_reply(uint16_t type, uint32_t len, uint16_t nfds)
{
	union msg_any m = {0};
	m.hdr = (struct msg_hdr){.size = len, .type = type, .nfds = nfds, .serial = SERIAL};
	return m;
}

static void checks_replies_of_every_length(void **state)
{
	(void)state;
	for (const struct kind *k = kinds; k < kinds + KINDS; k++) {
		uint16_t nfds = k->reply_fds_min;
		if (k->state == MSG_STATE_EVENT)
			continue;
		for (uint32_t len = 0; len <= MSG_BYTES_MAX; len++) {
			union msg_any m = make_reply(k->type, len, nfds);
			bool fits = len >= k->reply_bytes && len % 8 == 0;
			assert_int_equal(msg_check_reply(&m, len, nfds, k->type, SERIAL),
					 fits ? 0 : -EBADMSG);
		}
		union msg_any m = make_reply(k->type, MSG_BYTES_MAX, nfds);
		m.words[MSG_BYTES_MAX / 8 - 1] = 1;
		assert_int_equal(msg_check_reply(&m, MSG_BYTES_MAX, nfds, k->type, SERIAL), -E2BIG);
	}
}

static void checks_the_descriptors_of_a_reply(void **state)
{
	(void)state;
	for (const struct kind *k = kinds; k < kinds + KINDS; k++)
		for (uint16_t nfds = 0; nfds <= MSG_FDS_MAX + 1; nfds++) {
			union msg_any m = make_reply(k->type, MSG_BYTES_MAX, nfds);
			bool fits = k->state != MSG_STATE_EVENT && nfds >= k->reply_fds_min &&
				    nfds <= k->reply_fds_max;
			assert_int_equal(msg_check_reply(&m, MSG_BYTES_MAX, nfds, k->type, SERIAL),
					 fits ? 0 : -EBADMSG);
		}
}

static void knows_how_long_the_reply_to_a_request_is(void **state)
{
	(void)state;
	for (const struct kind *k = kinds; k < kinds + KINDS; k++)
		assert_int_equal(msg_reply_bytes(k->type), k->state == MSG_STATE_EVENT
								   ? sizeof(struct msg_hdr)
								   : k->reply_bytes);
	assert_int_equal(msg_reply_bytes(0), sizeof(struct msg_hdr));
}

static void refuses_a_reply_to_something_else(void **state)
{
	(void)state;
	union msg_any m = make_reply(MSG_AREA_DEL, sizeof(struct msg_ok), 0);
	assert_int_equal(msg_check_reply(&m, m.hdr.size, 0, MSG_AREA_DEL, SERIAL), 0);
	assert_int_equal(msg_check_reply(&m, m.hdr.size, 0, MSG_QUEUE_CLOSE, SERIAL), -EBADMSG);
	assert_int_equal(msg_check_reply(&m, m.hdr.size, 0, MSG_AREA_DEL, SERIAL + 1), -EBADMSG);
	assert_int_equal(msg_check_reply(&m, m.hdr.size, 1, MSG_AREA_DEL, SERIAL), -EBADMSG);
	assert_int_equal(msg_check_reply(&m, m.hdr.size, 0, 63, SERIAL), -EBADMSG);
	m.hdr.error = EINVAL;
	assert_int_equal(msg_check_reply(&m, m.hdr.size, 0, MSG_AREA_DEL, SERIAL), -EBADMSG);
}

static void a_refusal_is_a_whole_one_without_descriptors(void **state)
{
	(void)state;
	for (uint32_t len = 0; len <= 2 * sizeof(struct msg_fail); len++) {
		union msg_any m = make_reply(MSG_QUEUE_OPEN, len, 0);
		bool fits = len >= sizeof(struct msg_fail) && len % 8 == 0;
		m.hdr.error = -EINVAL;
		assert_int_equal(msg_check_reply(&m, len, 0, MSG_QUEUE_OPEN, SERIAL),
				 fits ? 0 : -EBADMSG);
		m.hdr.nfds = 1;
		assert_int_equal(msg_check_reply(&m, len, 1, MSG_QUEUE_OPEN, SERIAL), -EBADMSG);
	}
}

static void names_every_kind_and_nothing_else(void **state)
{
	(void)state;
	for (const struct kind *k = kinds; k < kinds + KINDS; k++)
		assert_string_equal(msg_name(k->type), k->name);
	assert_string_equal(msg_name(0), "?");
	assert_string_equal(msg_name(63), "?");
	assert_string_equal(msg_name(UINT16_MAX), "?");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(accepts_every_message_of_its_own_length),
		cmocka_unit_test(refuses_every_truncated_length),
		cmocka_unit_test(accepts_a_zero_tail_of_any_length),
		cmocka_unit_test(refuses_a_tail_with_any_bit_set),
		cmocka_unit_test(refuses_lengths_that_lie_or_are_odd),
		cmocka_unit_test(refuses_any_other_number_of_descriptors),
		cmocka_unit_test(refuses_what_is_not_allowed_in_this_state),
		cmocka_unit_test(an_event_is_no_request_and_a_request_no_event),
		cmocka_unit_test(refuses_unknown_types_whatever_they_carry),
		cmocka_unit_test(refuses_requests_with_an_error_or_without_a_serial),
		cmocka_unit_test(checks_replies_of_every_length),
		cmocka_unit_test(checks_the_descriptors_of_a_reply),
		cmocka_unit_test(knows_how_long_the_reply_to_a_request_is),
		cmocka_unit_test(refuses_a_reply_to_something_else),
		cmocka_unit_test(a_refusal_is_a_whole_one_without_descriptors),
		cmocka_unit_test(names_every_kind_and_nothing_else),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
