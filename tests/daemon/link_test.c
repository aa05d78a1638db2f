/* SPDX-License-Identifier: MIT */
/* What each side of the link takes for a message of the other's. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "daemon/link/link.h"

static const struct {
	uint16_t type;
	uint32_t bytes, reply_bytes, least, most, back;
	enum link_who who;
} all[] = {
#define X(name, handler, number, request, reply, least, most, back, who, ...) \
	{number, sizeof(struct request), sizeof(struct reply), least, most, back, LINK_##who},
	LINK_TABLE(X)
#undef X
};

#define EACH(i) for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++)

static union link_any message(size_t i)
{
	union link_any m = {0};
	m.hdr.type = all[i].type;
	m.hdr.size = all[i].bytes;
	m.hdr.nfds = all[i].who == LINK_BROKER_TELLS ? (uint16_t)all[i].least : 0;
	m.hdr.serial = all[i].who == LINK_PUMP_ASKS;
	return m;
}

static int check(const union link_any *m, bool from_pump)
{
	return link_check(m, m->hdr.size, m->hdr.nfds, from_pump);
}

static void each_is_taken_from_the_side_that_sends_it_only(void **state)
{
	(void)state;
	EACH(i)
	{
		union link_any m = message(i);
		bool from_pump = all[i].who != LINK_BROKER_TELLS;
		assert_int_equal(check(&m, from_pump), 0);
		assert_int_equal(check(&m, !from_pump), -EBADMSG);
	}
}

static void only_what_is_asked_has_a_serial(void **state)
{
	(void)state;
	EACH(i)
	{
		union link_any m = message(i);
		m.hdr.serial = !m.hdr.serial;
		assert_int_equal(check(&m, all[i].who != LINK_BROKER_TELLS), -EBADMSG);
	}
}

static void sizes_and_descriptors_have_to_fit(void **state)
{
	(void)state;
	EACH(i)
	{
		bool from_pump = all[i].who != LINK_BROKER_TELLS;
		union link_any m = message(i);
		m.hdr.nfds = from_pump ? 1 : (uint16_t)(all[i].most + 1);
		assert_int_equal(check(&m, from_pump), -EBADMSG);
		m = message(i);
		assert_int_equal(link_check(&m, m.hdr.size - 8, m.hdr.nfds, from_pump), -EBADMSG);
		m.hdr.size -= 4;
		assert_int_equal(check(&m, from_pump), -EBADMSG);
		m.hdr.size = sizeof(m.hdr) - 8;
		assert_int_equal(check(&m, from_pump), -EBADMSG);
		m = message(i);
		m.hdr.size -= 8; /* of the release before */
		if (m.hdr.size >= sizeof(m.hdr))
			assert_int_equal(check(&m, from_pump), 0);
		m = message(i);
		m.hdr.error = -1;
		assert_int_equal(check(&m, from_pump), -EBADMSG);
		m = message(i);
		m.hdr.size += 8; /* of the next release */
		if (m.hdr.size <= sizeof(m))
			assert_int_equal(check(&m, from_pump), 0);
	}
}

static void what_is_in_no_table_is_not_known(void **state)
{
	(void)state;
	union link_any m = {.hdr = {.size = sizeof(struct msg_hdr), .type = 999}};
	assert_int_equal(check(&m, true), -EOPNOTSUPP); /* of another release, perhaps */
	assert_int_equal(check(&m, false), -EOPNOTSUPP);
	assert_int_equal(link_check_reply(&m, m.hdr.size, 0, 999), -EBADMSG);
}

static void a_reply_is_of_its_request_and_has_descriptors_if_all_went_well(void **state)
{
	(void)state;
	EACH(i)
	{
		union link_any m = {.hdr = {.size = all[i].reply_bytes,
					    .type = all[i].type,
					    .nfds = (uint16_t)all[i].back,
					    .serial = 1}};
		uint16_t type = all[i].type;
		assert_int_equal(link_check_reply(&m, m.hdr.size, all[i].back, type), 0);
		assert_int_equal(link_check_reply(&m, m.hdr.size, all[i].back + 1, type), -EBADMSG);
		assert_int_equal(link_check_reply(&m, m.hdr.size, all[i].back, 999), -EBADMSG);
		m.hdr.error = -EDQUOT;
		m.hdr.nfds = 0;
		assert_int_equal(link_check_reply(&m, m.hdr.size, 0, type), 0);
		m.hdr.nfds = 1;
		assert_int_equal(link_check_reply(&m, m.hdr.size, 1, type), -EBADMSG);
		m.hdr.nfds = 0;
		m.hdr.error = 1;
		assert_int_equal(link_check_reply(&m, m.hdr.size, 0, type), -EBADMSG);
	}
}

static void what_costs_memory_costs_as_much_as_there_is(void **state)
{
	(void)state;
	union link_any m = {.as_MEMORY = {.hdr.type = LINK_MEMORY, .bytes = 65536}};
	uint32_t little = link_cost(&m);
	m.as_MEMORY.bytes = 256u << 20;
	assert_int_equal(link_cost(&m), little + 4095);
	m.as_MEMORY.bytes = UINT64_MAX;
	assert_int_equal(link_cost(&m), LINK_COST_MAX);
	/* A dma-buf's memory is there already, and stays where it is. */
	m = (union link_any){.as_ZCRX = {.hdr.type = LINK_ZCRX, .area_bytes = 1}};
	little = link_cost(&m);
	m.as_ZCRX.area_bytes = 256u << 20;
	assert_int_equal(link_cost(&m), little + 256);
	m.as_ZCRX.dmabuf = 1;
	assert_int_equal(link_cost(&m), little);
	EACH(i)
	{
		memset(&m, 0xff, sizeof(m));
		m.hdr.type = all[i].type;
		assert_in_range(link_cost(&m), 1, LINK_COST_MAX);
	}
	m.hdr.type = 999;
	assert_int_equal(link_cost(&m), 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_is_taken_from_the_side_that_sends_it_only),
		cmocka_unit_test(only_what_is_asked_has_a_serial),
		cmocka_unit_test(sizes_and_descriptors_have_to_fit),
		cmocka_unit_test(what_is_in_no_table_is_not_known),
		cmocka_unit_test(a_reply_is_of_its_request_and_has_descriptors_if_all_went_well),
		cmocka_unit_test(what_costs_memory_costs_as_much_as_there_is),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
