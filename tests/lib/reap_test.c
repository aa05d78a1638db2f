/* SPDX-License-Identifier: MIT */
/* Data and its way back: order, bounds, caps, and what a lying daemon achieves. */
#include <errno.h>
#include <string.h>

#include "tests/lib/fixture.h"

enum {
	FLOW = FAKE_FIRST_FLOW
};

static void expect_refill(uint64_t off, uint32_t len)
{
	struct ring_rqe e;
	assert_true(fake_refill(&fake, &e));
	assert_int_equal(e.off, off);
	assert_int_equal(e.len, len);
	assert_int_equal(e.pad, 0);
}

static void expect_no_refill(void)
{
	struct ring_rqe e;
	assert_false(fake_refill(&fake, &e));
}

static void expect_lost(int error)
{
	for (int i = 0; i < 3; i++)
		assert_int_equal(client_expect(&client, ZCRX_LOST).error, error);
}

static void an_idle_queue_gives_nothing_and_is_armed(void **state)
{
	(void)state;
	client_expect(&client, 0);
	assert_int_equal(fake_client_page(&fake)->wake, 1);
}

static void data_says_where_whose_and_how_much(void **state)
{
	(void)state;
	int user;
	struct zcrx_flow *f = client_adopt(&client, &user, 0);
	fake_data(&fake, FLOW, 3, 1000);
	struct zcrx_completion c = client_expect(&client, ZCRX_DATA);
	assert_ptr_equal(c.flow, f);
	assert_ptr_equal(c.user, &user);
	assert_int_equal(c.off, 3 * FAKE_BUFFER_BYTES);
	assert_int_equal(c.len, 1000);
	assert_int_equal(c.flags, ZCRX_COPIED);
	assert_int_equal(c.error, 0);
	assert_int_equal(fake_client_page(&fake)->cq_head, 1);
}

static void recycling_returns_each_buffer_in_one_go(void **state)
{
	(void)state;
	struct zcrx_completion c[8];
	client_adopt(&client, NULL, 0);
	fake_data(&fake, FLOW, 2, 10);
	fake_data(&fake, FLOW, 0, FAKE_BUFFER_BYTES);
	assert_int_equal(zcrx_reap(client.q, c, 8), 2);
	expect_no_refill();
	zcrx_recycle(client.q, c, 2);
	expect_refill(2ull * FAKE_BUFFER_BYTES, 10);
	expect_refill(0, FAKE_BUFFER_BYTES);
	expect_no_refill();
}

static void recycling_ignores_what_is_not_data(void **state)
{
	(void)state;
	struct zcrx_completion c[2] = {{.what = ZCRX_END}, {.what = ZCRX_OPEN}};
	zcrx_recycle(client.q, c, 2);
	zcrx_recycle(client.q, c, 0);
	expect_no_refill();
}

static void recycling_twice_cannot_overrun_the_refill_ring(void **state)
{
	(void)state;
	client_adopt(&client, NULL, 0);
	fake_data(&fake, FLOW, 1, 1);
	struct zcrx_completion c = client_expect(&client, ZCRX_DATA);
	zcrx_recycle(client.q, &c, 1);
	zcrx_recycle(client.q, &c, 1);
	expect_refill(FAKE_BUFFER_BYTES, 1);
	expect_no_refill();
}

static void set_token(const union msg_any *request, struct fake_reply *r, void *data)
{
	(void)data;
	if (request->hdr.type == MSG_QUEUE_OPEN)
		r->m.queue_open_reply.area_token = 5ull << 48;
}

static void refills_carry_the_areas_token(void **state)
{
	(void)state;
	zcrx_queue_close(client.q);
	fake.change = set_token;
	assert_int_equal(zcrx_queue_open(client.z, &client.q, client.a, NULL), 0);
	client_adopt(&client, NULL, 0);
	fake_data(&fake, FLOW, 1, 7);
	struct zcrx_completion c = client_expect(&client, ZCRX_DATA);
	assert_int_equal(c.off, FAKE_BUFFER_BYTES);
	zcrx_recycle(client.q, &c, 1);
	expect_refill((5ull << 48) | FAKE_BUFFER_BYTES, 7);
}

static void what_is_not_data_is_skipped(void **state)
{
	(void)state;
	client_adopt(&client, NULL, 0);
	fake_cqe(&fake, FLOW, -ENOBUFS, 0);
	fake_cqe(&fake, FLOW, 0, 0);
	fake_cqe(&fake, 0xffffffffffff, -ECANCELED, 1);
	fake_data(&fake, FLOW, 1, 1);
	fake_cqe(&fake, FLOW, INT32_MIN, 0xffffffff);
	client_expect(&client, ZCRX_DATA);
	assert_int_equal(fake_client_page(&fake)->cq_head, 5);
	client_expect(&client, 0);
	expect_no_refill();
}

static void takes_no_more_than_asked_for(void **state)
{
	(void)state;
	struct zcrx_completion c[2];
	client_adopt(&client, NULL, 0);
	for (uint32_t i = 0; i < 3; i++)
		fake_data(&fake, FLOW, i, 1);
	assert_int_equal(zcrx_reap(client.q, c, 0), 0);
	assert_int_equal(zcrx_reap(client.q, c, -1), 0);
	assert_int_equal(zcrx_reap(client.q, c, 2), 2);
	assert_int_equal(fake_client_page(&fake)->cq_head, 2);
	assert_int_equal(zcrx_reap(client.q, c, 2), 1);
	assert_int_equal(c[0].off, 2 * FAKE_BUFFER_BYTES);
}

static void holds_no_more_than_the_refill_ring_has_room_for(void **state)
{
	(void)state;
	struct zcrx_completion c[8];
	struct ring_rqe taken;
	client_adopt(&client, NULL, 0);
	for (uint32_t i = 0; i < 6; i++)
		fake_data(&fake, FLOW, i % FAKE_BUFFERS, (int32_t)i + 1);
	assert_int_equal(zcrx_reap(client.q, c, 8), FAKE_RQ_ENTRIES);
	assert_int_equal(zcrx_reap(client.q, c + 4, 4), 0);
	zcrx_recycle(client.q, c + 1, 1);
	assert_int_equal(zcrx_reap(client.q, c + 4, 4), 0);
	assert_true(fake_refill(&fake, &taken));
	assert_int_equal(zcrx_reap(client.q, c + 4, 4), 1);
	assert_int_equal(c[4].len, 5);
	assert_int_equal(zcrx_reap(client.q, c + 5, 3), 0);
}

static void asks_once_for_room_for_refills(void **state)
{
	(void)state;
	struct zcrx_completion c[8];
	struct ring_rqe taken;
	client_adopt(&client, NULL, 0);
	for (uint32_t i = 0; i < 5; i++)
		fake_data(&fake, FLOW, i % FAKE_BUFFERS, 1);
	assert_int_equal(zcrx_reap(client.q, c, 8), FAKE_RQ_ENTRIES);
	zcrx_recycle(client.q, c, FAKE_RQ_ENTRIES);
	assert_false(fake_kicked(&fake));
	for (int i = 0; i < 3; i++)
		assert_int_equal(zcrx_reap(client.q, c, 8), 0);
	assert_true(fake_kicked(&fake));
	assert_false(fake_kicked(&fake));
	assert_true(fake_refill(&fake, &taken));
	assert_int_equal(zcrx_reap(client.q, c, 8), 1);
}

/* As before, but the client sleeps in zcrx_wait() without another reap. */
static void asks_for_room_before_it_sleeps(void **state)
{
	(void)state;
	struct zcrx_completion c[8];
	client_adopt(&client, NULL, 0);
	for (uint32_t i = 0; i < 5; i++)
		fake_data(&fake, FLOW, i % FAKE_BUFFERS, 1);
	assert_int_equal(zcrx_reap(client.q, c, 8), FAKE_RQ_ENTRIES);
	assert_int_equal(zcrx_reap(client.q, &c[FAKE_RQ_ENTRIES], 1), 0);
	(void)fake_kicked(&fake);
	zcrx_recycle(client.q, c, FAKE_RQ_ENTRIES);
	assert_int_equal(zcrx_wait(client.q, 10), 0);
	assert_true(fake_kicked(&fake));
}

static void an_end_needs_no_room(void **state)
{
	(void)state;
	struct zcrx_completion c[8];
	client_adopt(&client, NULL, 0);
	for (uint32_t i = 0; i < FAKE_RQ_ENTRIES; i++)
		fake_data(&fake, FLOW, i % FAKE_BUFFERS, 1);
	fake_cqe(&fake, FLOW, 0, 0);
	fake_flow_closed(&fake, FLOW, 0, FAKE_RQ_ENTRIES + 1);
	assert_int_equal(zcrx_reap(client.q, c, 8), FAKE_RQ_ENTRIES + 1);
	assert_int_equal(c[FAKE_RQ_ENTRIES].what, ZCRX_END);
}

/* Though there is more data of another flow whenever the client looks. */
static void an_end_waits_for_no_data_of_others(void **state)
{
	(void)state;
	struct zcrx_flow *f = client_adopt(&client, NULL, 0);
	struct zcrx_completion c = {.what = ZCRX_DATA};
	client_adopt(&client, NULL, 0);
	fake_data(&fake, FLOW + 1, 0, 1);
	fake_flow_closed(&fake, FLOW, 0, 0);
	for (uint32_t i = 0; i < 3 && c.what != ZCRX_END; i++) {
		fake_data(&fake, FLOW + 1, (i + 1) % FAKE_BUFFERS, 1);
		assert_int_equal(zcrx_reap(client.q, &c, 1), 1);
	}
	assert_int_equal(c.what, ZCRX_END);
	assert_ptr_equal(c.flow, f);
}

static void indices_wrap_around(void **state)
{
	(void)state;
	client_adopt(&client, NULL, 0);
	for (uint32_t i = 0; i < 10 * FAKE_CQ_ENTRIES; i++) {
		uint32_t buffer = i * 3 % FAKE_BUFFERS;
		fake_data(&fake, FLOW, buffer, (int32_t)(i + 1));
		struct zcrx_completion c = client_expect(&client, ZCRX_DATA);
		assert_int_equal(c.len, i + 1);
		zcrx_recycle(client.q, &c, 1);
		expect_refill((uint64_t)buffer * FAKE_BUFFER_BYTES, i + 1);
	}
}

static void data_of_a_closed_flow_goes_straight_back(void **state)
{
	(void)state;
	struct zcrx_flow *f = client_adopt(&client, NULL, 0);
	client_adopt(&client, NULL, 0);
	fake_data(&fake, FLOW, 0, 11);
	fake_data(&fake, FLOW + 1, 1, 12);
	fake_data(&fake, FLOW, 2, 13);
	zcrx_flow_close(f, 0);
	assert_int_equal(client_expect(&client, ZCRX_DATA).len, 12);
	expect_refill(0, 11);
	expect_refill(2ull * FAKE_BUFFER_BYTES, 13);
	expect_no_refill();
}

static void a_reaped_completion_outlives_its_flow(void **state)
{
	(void)state;
	struct zcrx_flow *f = client_adopt(&client, NULL, 0);
	fake_data(&fake, FLOW, 3, 9);
	struct zcrx_completion c = client_expect(&client, ZCRX_DATA);
	zcrx_flow_close(f, 0);
	zcrx_recycle(client.q, &c, 1);
	expect_refill(3ull * FAKE_BUFFER_BYTES, 9);
}

static void the_next_generation_of_an_id_is_another_flow(void **state)
{
	(void)state;
	zcrx_flow_close(client_adopt(&client, NULL, 0), 0);
	fake.next_flow = FLOW + 0x10000;
	struct zcrx_flow *f = client_adopt(&client, NULL, 0);
	fake_data(&fake, FLOW, 0, 1);
	fake_data(&fake, FLOW + 0x10000, 1, 2);
	fake_cqe(&fake, 0x100000000u | (FLOW + 0x10000), 3, 2 << 16 | 1);
	struct zcrx_completion c = client_expect(&client, ZCRX_DATA);
	assert_ptr_equal(c.flow, f);
	assert_int_equal(c.len, 2);
}

/* ---- a lying daemon ---- */

static void a_buffer_outside_the_area_loses_the_queue(void **state)
{
	(void)state;
	client_adopt(&client, NULL, 0);
	fake_data(&fake, FLOW, 0, 1);
	fake_data(&fake, FLOW, FAKE_BUFFERS, 1);
	assert_int_equal(client_expect(&client, ZCRX_DATA).off, 0);
	expect_lost(-EPROTO);
}

static void more_bytes_than_a_buffer_has_lose_the_queue(void **state)
{
	(void)state;
	client_adopt(&client, NULL, 0);
	fake_data(&fake, FLOW, 0, FAKE_BUFFER_BYTES + 1);
	expect_lost(-EPROTO);
}

static void data_without_a_buffer_loses_the_queue(void **state)
{
	(void)state;
	client_adopt(&client, NULL, 0);
	fake_cqe(&fake, FLOW, 1, 0);
	expect_lost(-EPROTO);
}

static void a_tail_too_far_ahead_loses_the_queue(void **state)
{
	(void)state;
	const uint32_t jumps[] = {FAKE_CQ_ENTRIES + 1, 1u << 31, UINT32_MAX};
	for (size_t i = 0; i < sizeof(jumps) / sizeof(jumps[0]); i++) {
		fake_tail_set(&fake, jumps[i]);
		assert_int_equal(zcrx_wait(client.q, 0), 1);
		expect_lost(-EPROTO);
		zcrx_queue_close(client.q);
		assert_int_equal(zcrx_queue_open(client.z, &client.q, client.a, NULL), 0);
	}
}

/* ---- the end ---- */

/* The ring holds more completions than the refill ring has room for, and nobody takes refills any
 * more. */
static void what_lay_in_the_ring_comes_before_the_loss(void **state)
{
	(void)state;
	struct zcrx_completion c;
	struct zcrx_flow *f = client_adopt(&client, NULL, 0);
	for (uint32_t i = 0; i < FAKE_CQ_ENTRIES; i++)
		fake_data(&fake, FLOW, i % FAKE_BUFFERS, (int32_t)i + 1);
	fake_flow_closed(&fake, FLOW, -ECONNRESET, FAKE_CQ_ENTRIES);
	fake_queue_lost(&fake, -ESHUTDOWN);
	for (uint32_t i = 0; i < FAKE_CQ_ENTRIES; i++) {
		assert_int_equal(zcrx_reap(client.q, &c, 1), 1);
		assert_int_equal(c.what, ZCRX_DATA);
		assert_int_equal(c.len, i + 1);
		if (i % 2)
			zcrx_recycle(client.q, &c, 1);
	}
	assert_int_equal(zcrx_reap(client.q, &c, 1), 1);
	assert_int_equal(c.what, ZCRX_END);
	assert_ptr_equal(c.flow, f);
	expect_lost(-ESHUTDOWN);
	expect_no_refill();
}

/* The last data and the end of file come while the client goes to sleep. */
static void what_came_at_the_last_moment_comes_before_the_loss(void **state)
{
	(void)state;
	client_adopt(&client, NULL, 0);
	client_expect(&client, 0);
	fake_data(&fake, FLOW, 1, 5);
	fake_die(&fake);
	assert_int_equal(zcrx_wait(client.q, 1000), 1);
	assert_int_equal(client_expect(&client, ZCRX_DATA).len, 5);
	client_expect(&client, 0);
	assert_int_equal(zcrx_wait(client.q, 1000), 1);
	expect_lost(-ECONNRESET);
}

static void a_lost_queue_can_be_closed_and_opened_again(void **state)
{
	(void)state;
	struct zcrx_flow *f = client_adopt(&client, NULL, 0), *second = NULL;
	fake_tail_set(&fake, 1u << 30);
	expect_lost(-EPROTO);
	assert_int_equal(zcrx_flow_adopt(client.q, &second, 0, 0, NULL), -EPROTO);
	assert_null(second);
	zcrx_flow_close(f, 0);
	assert_int_equal(fake_requests(&fake, MSG_FLOW_CLOSE), 0);
	zcrx_queue_close(client.q);
	assert_int_equal(zcrx_queue_open(client.z, &client.q, client.a, NULL), 0);
	client_expect(&client, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		FIXTURE_CASE(an_idle_queue_gives_nothing_and_is_armed),
		FIXTURE_CASE(data_says_where_whose_and_how_much),
		FIXTURE_CASE(recycling_returns_each_buffer_in_one_go),
		FIXTURE_CASE(recycling_ignores_what_is_not_data),
		FIXTURE_CASE(recycling_twice_cannot_overrun_the_refill_ring),
		FIXTURE_CASE(refills_carry_the_areas_token),
		FIXTURE_CASE(what_is_not_data_is_skipped),
		FIXTURE_CASE(takes_no_more_than_asked_for),
		FIXTURE_CASE(holds_no_more_than_the_refill_ring_has_room_for),
		FIXTURE_CASE(asks_once_for_room_for_refills),
		FIXTURE_CASE(asks_for_room_before_it_sleeps),
		FIXTURE_CASE(an_end_needs_no_room),
		FIXTURE_CASE(an_end_waits_for_no_data_of_others),
		FIXTURE_CASE(indices_wrap_around),
		FIXTURE_CASE(data_of_a_closed_flow_goes_straight_back),
		FIXTURE_CASE(a_reaped_completion_outlives_its_flow),
		FIXTURE_CASE(the_next_generation_of_an_id_is_another_flow),
		FIXTURE_CASE(a_buffer_outside_the_area_loses_the_queue),
		FIXTURE_CASE(more_bytes_than_a_buffer_has_lose_the_queue),
		FIXTURE_CASE(data_without_a_buffer_loses_the_queue),
		FIXTURE_CASE(a_tail_too_far_ahead_loses_the_queue),
		FIXTURE_CASE(what_lay_in_the_ring_comes_before_the_loss),
		FIXTURE_CASE(what_came_at_the_last_moment_comes_before_the_loss),
		FIXTURE_CASE(a_lost_queue_can_be_closed_and_opened_again),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
