/* SPDX-License-Identifier: MIT */
/* What leads packets to a queue, and what became of our rules: from made-up facts. */
#include <arpa/inet.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "nic/exclusive.h"

#define QUEUE 3u

static const uint32_t two[] = {0, 1};

static int setup(void **state)
{
	struct nic_steering *s = calloc(1, sizeof(*s));

	assert_non_null(s);
	assert_true(nic_steering_add(s, 0, two, 2));
	*state = s;
	return 0;
}

static int teardown(void **state)
{
	nic_steering_done(*state);
	free(*state);
	return 0;
}

/* In ascending order of locations. */
static struct nic_rule_at *add(struct nic_steering *s, const struct nic_rule_at *rule)
{
	s->rules = reallocarray(s->rules, s->n_rules + 1, sizeof(*s->rules));
	assert_non_null(s->rules);
	s->rules[s->n_rules] = *rule;
	return &s->rules[s->n_rules++];
}

/* A listener's. */
static struct nic_own_rule own_make(uint32_t location)
{
	struct nic_own_rule own = {.location = location,
				   .rule = {.family = AF_INET, .local_port = 443, .queue = QUEUE},
				   .judged = {.kind = NIC_PLACE_LOCAL},
				   .now = {.kind = NIC_PLACE_LOCAL}};

	inet_pton(AF_INET, "192.0.2.1", own.rule.local);
	return own;
}

/* One of our rules as the NIC shows it. */
static struct nic_rule_at at_make(const struct nic_own_rule *own)
{
	struct nic_rule_at at = {.location = own->location,
				 .queue = own->rule.queue,
				 .family = own->rule.family,
				 .may_be_tcp = true,
				 .value.local_port = own->rule.local_port,
				 .mask.local_port = UINT16_MAX};

	memcpy(at.value.local, own->rule.local, 4);
	memset(at.mask.local, 0xff, 4);
	if (own->rule.remote_port) {
		at.value.remote_port = own->rule.remote_port;
		at.mask.remote_port = UINT16_MAX;
		memcpy(at.value.remote, own->rule.remote, 4);
		memset(at.mask.remote, 0xff, 4);
	}
	return at;
}

static void assert_reached(const struct nic_steering *s, uint32_t queue, const char *part)
{
	struct nic_intruder found[4];
	char text[NIC_INTRUDER_BYTES];

	assert_int_equal(nic_intruders(s, queue, found, 4), 1);
	nic_intruder_text(&found[0], text);
	if (!strstr(text, part))
		fail_msg("\"%s\" does not contain \"%s\"", text, part);
}

static void our_own_rule_alone_is_no_intruder(void **state)
{
	struct nic_own_rule own = own_make(7);
	struct nic_rule_at at = at_make(&own);

	add(*state, &at);
	nic_exclusive_judge(*state, &own, 1);
	assert_int_equal(own.state, NIC_OWN_STANDS);
	assert_false(own.moved);
	assert_null(own.overruled);
	assert_int_equal(nic_intruders(*state, QUEUE, NULL, 0), 0);
}

static void the_same_rule_at_another_number_is_somebody_elses(void **state)
{
	struct nic_own_rule own = own_make(7);
	struct nic_rule_at at = at_make(&own);

	at.location = 8;
	add(*state, &at);
	nic_exclusive_judge(*state, &own, 1);
	assert_int_equal(own.state, NIC_OWN_GONE);
	assert_reached(*state, QUEUE,
		       "ntuple rule 8 (TCP over IPv4 to 192.0.2.1 port 443), which is not zcrxd's");
}

/* Whose packets these are is nobody's business but the administrator's. */
static void a_number_alone_names_no_address(void **state)
{
	struct nic_own_rule own = own_make(8);
	struct nic_rule_at at = at_make(&own);
	struct nic_intruder found;
	char text[NIC_INTRUDER_BYTES];

	add(*state, &at);
	for (int spread = 0; spread < 2; spread++) {
		((struct nic_steering *)*state)->rules[0].spread = spread;
		assert_int_equal(nic_intruders(*state, QUEUE, &found, 1), 1);
		nic_intruder_number(&found, text);
		assert_non_null(strstr(text, "ntuple rule 8"));
		assert_null(strstr(text, "192.0.2.1"));
		assert_null(strstr(text, "443"));
	}
}

static void another_rule_at_our_number_is_not_ours(void **state)
{
	struct nic_steering *s = *state;
	struct nic_own_rule own = own_make(7);
	struct nic_rule_at same = at_make(&own), at;

	add(s, &same);
	for (int i = 0; i < 7; i++) {
		at = same;
		at.queue = i == 0 ? 1 : at.queue;
		at.value.local_port = i == 1 ? 444 : 443;
		at.mask.local_port = i == 2 ? 0xff : UINT16_MAX;
		at.family = i == 3 ? AF_INET6 : AF_INET;
		at.spread = i == 4;
		at.narrower = i == 5;
		at.mask.remote_port = i == 6 ? UINT16_MAX : 0;
		s->rules[0] = at;
		nic_exclusive_judge(s, &own, 1);
		assert_int_equal(own.state, NIC_OWN_REPLACED);
		assert_false(s->rules[0].own);
	}
}

static void a_rule_that_is_not_set_is_gone(void **state)
{
	struct nic_own_rule own = own_make(NIC_NOWHERE);

	nic_exclusive_judge(*state, &own, 1);
	assert_int_equal(own.state, NIC_OWN_GONE);
}

static void an_address_that_is_elsewhere_has_moved(void **state)
{
	static const struct nic_place elsewhere[] = {
		{.kind = NIC_PLACE_NONE},
		{.kind = NIC_PLACE_LOCAL},
		{.kind = NIC_PLACE_NETKIT, .netns = 5},
	};
	struct nic_own_rule own = own_make(7);

	own.judged = own.now = (struct nic_place){.kind = NIC_PLACE_NETKIT, .netns = 4};
	nic_exclusive_judge(*state, &own, 1);
	assert_false(own.moved);
	for (size_t i = 0; i < sizeof(elsewhere) / sizeof(elsewhere[0]); i++) {
		own.now = elsewhere[i];
		nic_exclusive_judge(*state, &own, 1);
		assert_true(own.moved);
	}
}

static void tables_and_contexts_lead_to_their_queues(void **state)
{
	static const uint32_t leased[] = {QUEUE};

	assert_reached(*state, 1, "the RSS table spreads packets over queue 1");
	assert_true(nic_steering_add(*state, 5, leased, 1));
	nic_exclusive_judge(*state, NULL, 0);
	assert_reached(*state, QUEUE, "RSS context 5 includes queue 3");
	assert_int_equal(nic_intruders(*state, 2, NULL, 0), 0);
}

static void a_rule_that_spreads_leads_to_its_tables_queues(void **state)
{
	struct nic_steering *s = *state;
	struct nic_rule_at at = {.location = 1, .spread = true, .family = AF_INET6};
	struct nic_rule_at *rule = add(s, &at);

	assert_int_equal(nic_intruders(s, QUEUE, NULL, 0), 0);
	rule->queue = 2; /* is added: 2 and 3 */
	assert_reached(s, QUEUE, "spreads packets by RSS context 0 over queue 3");
	assert_int_equal(nic_intruders(s, 4, NULL, 0), 0);
	rule->context = 9; /* which nobody knows */
	assert_reached(s, QUEUE, "RSS context 9");
}

static void rules_that_lead_to_no_queue_lead_nowhere(void **state)
{
	struct nic_rule_at drops = {.location = 1, .queue = NIC_NO_QUEUE, .may_be_tcp = true};

	add(*state, &drops);
	assert_int_equal(nic_intruders(*state, QUEUE, NULL, 0), 0);
}

static void a_rule_that_matches_all_of_ours_before_it_overrules_it(void **state)
{
	struct nic_steering *s = *state;
	struct nic_own_rule own = own_make(7);
	struct nic_rule_at all = {.location = 1, .family = AF_INET, .may_be_tcp = true};
	struct nic_rule_at at = at_make(&own);
	struct nic_rule_at *first = add(s, &all);

	add(s, &at);
	first = &s->rules[0];
	nic_exclusive_judge(s, &own, 1);
	assert_ptr_equal(own.overruled, first);
	first->queue = NIC_NO_QUEUE; /* it drops */
	nic_exclusive_judge(s, &own, 1);
	assert_ptr_equal(own.overruled, first);

	first->narrower = true; /* some of them only */
	nic_exclusive_judge(s, &own, 1);
	assert_null(own.overruled);
	first->narrower = false;
	first->mask.remote_port = 0x8000;
	nic_exclusive_judge(s, &own, 1);
	assert_null(own.overruled);
	first->mask.remote_port = 0;
	first->value.local_port = 80; /* other ones */
	first->mask.local_port = UINT16_MAX;
	nic_exclusive_judge(s, &own, 1);
	assert_null(own.overruled);
	first->mask.local_port = 0;
	first->value.local_port = 0;
	first->family = AF_INET6;
	nic_exclusive_judge(s, &own, 1);
	assert_null(own.overruled);
	first->family = AF_INET;
	first->may_be_tcp = false; /* of UDP */
	nic_exclusive_judge(s, &own, 1);
	assert_null(own.overruled);
}

static void what_stands_behind_ours_does_not_overrule_it(void **state)
{
	struct nic_own_rule own[2] = {own_make(7), own_make(9)};
	struct nic_rule_at first, second, all = {.location = 8, .may_be_tcp = true};

	own[1].rule.remote_port = 5000;
	first = at_make(&own[0]);
	second = at_make(&own[1]);
	add(*state, &first);
	add(*state, &all);
	add(*state, &second);
	nic_exclusive_judge(*state, own, 2);
	assert_null(own[0].overruled);
	/* Ours before ours is none of others'. */
	assert_non_null(own[1].overruled);
	assert_int_equal(own[1].overruled->location, 8);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(our_own_rule_alone_is_no_intruder),
		TEST(the_same_rule_at_another_number_is_somebody_elses),
		TEST(a_number_alone_names_no_address),
		TEST(another_rule_at_our_number_is_not_ours),
		TEST(a_rule_that_is_not_set_is_gone),
		TEST(an_address_that_is_elsewhere_has_moved),
		TEST(tables_and_contexts_lead_to_their_queues),
		TEST(a_rule_that_spreads_leads_to_its_tables_queues),
		TEST(rules_that_lead_to_no_queue_lead_nowhere),
		TEST(a_rule_that_matches_all_of_ours_before_it_overrules_it),
		TEST(what_stands_behind_ours_does_not_overrule_it),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
