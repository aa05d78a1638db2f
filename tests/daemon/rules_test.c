/* SPDX-License-Identifier: MIT */
/*
 * Rules that cannot be deleted at once. The NIC is made up, as one whose driver resets it: what
 * nic/ntuple.h does to it are flags here.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "daemon/grant/guarded.h"
#include "daemon/grant/rules.h"
#include "nic/journal.h"
#include "nic/ntuple.h"

#define NIC   "lo"
#define THERE 7

static struct {
	bool stands, resets;
} made_up;

static uint32_t queue = 3;
static char dir[] = "/tmp/zcrxd-rules.XXXXXX";
static struct rules rules;
static struct guarded lease = {.poke = -1};
static const struct nic_place here = {.kind = NIC_PLACE_LOCAL};
static const struct nic_rule match = {.family = 2, .local_port = 443, .queue = 3};

int nic_rule_add(const char *nic, const struct nic_rule *rule, uint32_t *ret_location)
{
	(void)nic;
	(void)rule;
	if (made_up.resets)
		return -ENODEV;
	made_up.stands = true;
	*ret_location = THERE;
	return 0;
}

int nic_rule_del(const char *nic, uint32_t location, const struct nic_rule *rule)
{
	(void)nic;
	(void)rule;
	if (made_up.resets)
		return -ENODEV;
	if (!made_up.stands || location != THERE)
		return -ENOENT;
	made_up.stands = false;
	return 0;
}

/* The NIC has at most one rule: that of `match`. */
int nic_rules_get(const char *nic, struct nic_rule_at **ret, uint32_t *ret_n)
{
	(void)nic;
	if (made_up.resets)
		return -ENODEV;
	*ret_n = made_up.stands;
	*ret = calloc(1, sizeof(**ret));
	**ret = (struct nic_rule_at){.location = THERE,
				     .queue = match.queue,
				     .family = match.family,
				     .may_be_tcp = true};
	(*ret)->value.local_port = match.local_port;
	memset((*ret)->mask.local, 0xff, 4);
	(*ret)->mask.local_port = 0xffff;
	return 0;
}

/* How many rules the journal has. */
static uint32_t noted(void)
{
	char why[FIELDS_WHY_BYTES];
	struct nic_before b;
	assert_int_equal(journal_read(dir, NIC, &b, why), 0);
	uint32_t n = b.n_rules;
	nic_before_done(&b);
	return n;
}

static int setup(void **state)
{
	(void)state;
	struct nic_before before = {.name = NIC,
				    .boot = "x",
				    .card = {.ifindex = 1},
				    .queues = {&queue, 1}};
	memset(before.boot, '0', BOOT_ID_BYTES - 1);
	made_up.stands = made_up.resets = false;
	rules_init(&rules, NIC);
	return journal_write(dir, &before) < 0 ? -1 : rules_begin(&rules, dir);
}

static int teardown(void **state)
{
	(void)state;
	rule_notes_done(&rules.notes);
	return journal_remove(dir, NIC);
}

static struct lease_rule *set(void)
{
	struct lease_rule *rule;
	assert_int_equal(rules_add(&rules, &match, &here, &lease, &rule), 0);
	assert_int_equal(noted(), 1);
	return rule;
}

static void one_that_cannot_be_deleted_stays_ours(void **state)
{
	(void)state;
	struct lease_rule *rule = set(), *again;
	made_up.resets = true;
	rules_del(&rules, rule);
	struct nic_own_rule *own = rules_copy(&rules);
	assert_int_equal(rules.n, 1);
	assert_int_equal(own[0].location, THERE);
	assert_int_equal(noted(), 1);
	assert_true(rules_left(&rules, queue));
	assert_false(rules_left(&rules, queue + 1));
	assert_int_equal(rules_add(&rules, &match, &here, &lease, &again), -EALREADY);

	made_up.resets = false;
	rules_mend(&rules, own);
	free(own);
	assert_int_equal(rules.n, 0);
	assert_false(made_up.stands);
	assert_int_equal(noted(), 0);
	assert_false(rules_left(&rules, queue));
}

/* It is not set again, and stands in nobody's way. */
static void one_whose_socket_has_gone_is_taken_away(void **state)
{
	(void)state;
	struct lease_rule *rule = set(), *again;
	for (int i = 0; i < 3; i++) {
		struct nic_own_rule *own = rules_copy(&rules);
		own[0].abandoned = i == 1;
		rules_mend(&rules, own);
		free(own);
		assert_int_equal(made_up.stands, i == 0);
		assert_int_equal(rule_why(rule) != NULL, i > 0);
	}
	assert_int_equal(rules_add(&rules, &match, &here, &lease, &again), 0);
	assert_true(made_up.stands);
	rules_del(&rules, rule);
	assert_true(made_up.stands);
	rules_del(&rules, again);
	assert_false(made_up.stands);
	assert_int_equal(noted(), 0);
}

/* The address of its rule moves away just then. */
static void one_that_moved_away_is_not_forgotten(void **state)
{
	(void)state;
	struct lease_rule *rule = set();
	made_up.resets = true;
	for (int i = 0; i < 2; i++) {
		struct nic_own_rule *own = rules_copy(&rules);
		assert_int_equal(own[0].location, THERE);
		own[0].moved = true;
		rules_mend(&rules, own);
		free(own);
		assert_int_equal(made_up.stands, i == 0);
		made_up.resets = false;
	}
	assert_non_null(rule_why(rule));
	rules_del(&rules, rule);
	assert_int_equal(noted(), 0);
}

/* The NIC was put back or made ready meanwhile, with all rules of the journal deleted. */
static void a_journal_that_begins_forgets_it(void **state)
{
	(void)state;
	struct lease_rule *rule = set();
	made_up.resets = true;
	rules_del(&rules, rule);
	assert_int_equal(rules_begin(&rules, dir), 0);
	assert_int_equal(rules.n, 0);
	assert_int_equal(noted(), 0);
}

static void resume(struct rules *after)
{
	char why[FIELDS_WHY_BYTES];
	struct nic_before before;
	assert_int_equal(journal_read(dir, NIC, &before, why), 0);
	assert_int_equal(rules_resume(after, dir, &before), 0);
	nic_before_done(&before);
}

/* zcrxd was killed, and the next one has the lease. */
static void one_of_a_zcrxd_before_goes_on(void **state)
{
	(void)state;
	struct rules after;
	struct lease_rule *killed = set(), *rule, *again;
	rules_init(&after, NIC);
	assert_int_equal(rules_again(&after, &match, &here, false, &lease, &rule), 0);
	assert_int_equal(rules_again(&after, &match, &here, false, &lease, &again), -EALREADY);
	resume(&after);
	struct nic_own_rule *own = rules_copy(&after);
	assert_int_equal(own[0].location, THERE);
	free(own);
	assert_int_equal(noted(), 1);
	rules_del(&after, rule);
	assert_false(made_up.stands);
	assert_int_equal(noted(), 0);
	rule_notes_done(&after.notes);
	rules_del(&rules, killed);
}

/* ... and nobody has the lease any more, or the pump was never told of the rule. */
static void one_of_a_zcrxd_before_is_deleted(void **state)
{
	(void)state;
	struct rules after;
	struct lease_rule *killed = set();
	rules_init(&after, NIC);
	resume(&after);
	assert_false(made_up.stands);
	assert_int_equal(after.n, 0);
	assert_int_equal(noted(), 0);
	/* Its note is free for another. */
	struct lease_rule *rule;
	assert_int_equal(rules_add(&after, &match, &here, &lease, &rule), 0);
	assert_int_equal(noted(), 1);
	rules_del(&after, rule);
	rule_notes_done(&after.notes);
	rules_del(&rules, killed);
}

/* Somebody deleted it while there was no zcrxd: it is set again, and noted. */
static void one_of_a_zcrxd_before_that_is_gone_is_set_again(void **state)
{
	(void)state;
	struct rules after;
	struct lease_rule *rule;
	rules_init(&after, NIC);
	assert_int_equal(rules_again(&after, &match, &here, true, &lease, &rule), 0);
	resume(&after);
	assert_int_equal(noted(), 1);
	struct nic_own_rule *own = rules_copy(&after);
	assert_int_equal(own[0].location, NIC_NOWHERE);
	own[0].state = NIC_OWN_GONE;
	guarded_has_news(&lease); /* of the tests before */
	rules_mend(&after, own);
	free(own);
	assert_true(made_up.stands);
	assert_null(rule_why(rule));
	assert_true(guarded_has_news(&lease)); /* the pump was told by the zcrxd before */
	rules_del(&after, rule);
	rule_notes_done(&after.notes);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(one_that_cannot_be_deleted_stays_ours),
		TEST(one_that_moved_away_is_not_forgotten),
		TEST(one_whose_socket_has_gone_is_taken_away),
		TEST(a_journal_that_begins_forgets_it),
		TEST(one_of_a_zcrxd_before_goes_on),
		TEST(one_of_a_zcrxd_before_is_deleted),
		TEST(one_of_a_zcrxd_before_that_is_gone_is_set_again),
	};
	if (!mkdtemp(dir))
		return 1;
	int failed = cmocka_run_group_tests(tests, NULL, NULL);
	return rmdir(dir) < 0 ? 1 : failed;
}
