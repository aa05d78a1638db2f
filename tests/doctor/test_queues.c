/* SPDX-License-Identifier: MIT */
/* What the doctor says about receive queues and those who hold them. */
#include "tests/doctor/made_up.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

static void set_processes(struct made_up *m, const struct nic_holder *list, unsigned n)
{
	struct nic_holders *h = &m->machine->holders;

	nic_holders_done(h);
	h->list = calloc(n, sizeof(*list));
	assert_non_null(h->list);
	memcpy(h->list, list, n * sizeof(*list));
	h->n = n;
}

static void a_queue_held_by_io_uring_names_the_process(void **state)
{
	static const struct nic_holder holder = {.pid = 4121,
						 .comm = "iou-zcrx",
						 .recv_zc = true,
						 .ring = true};
	struct made_up *m = *state;

	m->nic->queues[15].io_uring = true;
	set_processes(m, &holder, 1);
	made_up_judge(m);
	assert_verdict(about_queues(m, "0-14"), VERDICT_OK);
	assert_verdict(about_queues(m, "15"), VERDICT_NO);
	assert_string_equal(about_queues(m, "15")->text, "io_uring zcrx, pid 4121 (iou-zcrx)");
	assert_string_equal(m->diagnosis.nics[0].summary,
			    "eth0: ready for zero copy, 1 queue busy.");
	assert_int_equal(m->diagnosis.level, LEVEL_READY);
}

static void a_process_that_only_could_hold_it_is_called_probable(void **state)
{
	static const struct nic_holder list[] = {
		{.pid = 10, .comm = "a", .ring = true},
		{.pid = 11, .comm = "b", .dmabuf = true},
		{.pid = 12, .comm = "c", .ring = true},
	};
	struct made_up *m = *state;

	m->nic->queues[3].io_uring = true;
	m->nic->queues[4].dmabuf = true;
	m->nic->queues[4].dmabuf_id = 9;
	set_processes(m, list, 3);
	made_up_judge(m);
	assert_string_equal(about_queues(m, "3")->text,
			    "io_uring zcrx, probably pid 10 (a), pid 12 (c)");
	assert_string_equal(about_queues(m, "4")->text,
			    "devmem binding (dma-buf id 9), probably pid 11 (b)");
}

static void many_possible_holders_are_cut_short(void **state)
{
	struct nic_holder list[5] = {{0}};
	struct made_up *m = *state;

	for (int i = 0; i < 5; i++)
		list[i] = (struct nic_holder){.pid = 4194300 + i,
					      .comm = "a-name-of-15-by",
					      .ring = true};
	m->nic->queues[3].io_uring = true;
	set_processes(m, list, 5);
	made_up_judge(m);
	assert_contains(about_queues(m, "3")->text, "pid 4194302 (a-name-of-15-by), ...");
}

static void a_hidden_holder_says_who_could_see_it(void **state)
{
	struct made_up *m = *state;

	m->nic->queues[0].io_uring = true;
	made_up_judge(m);
	assert_contains(about_queues(m, "0")->text, "not to be seen");
	m->machine->holders.hidden = true;
	made_up_judge(m);
	assert_contains(about_queues(m, "0")->text, "shows it to root");
}

static void a_nic_with_all_queues_held_is_not_ready(void **state)
{
	static const struct nic_holder holder = {.pid = 7,
						 .comm = "zc",
						 .recv_zc = true,
						 .ring = true};
	struct made_up *m = *state;

	for (unsigned i = 0; i < MADE_UP_QUEUES; i++)
		m->nic->queues[i].io_uring = true;
	set_processes(m, &holder, 1);
	made_up_judge(m);
	assert_verdict(about_queues(m, "0-15"), VERDICT_NO);
	assert_string_equal(m->diagnosis.nics[0].summary,
			    "eth0: not ready for zero copy: 16 queues busy. Until then clients get "
			    "backend=copy.");
	assert_int_equal(m->diagnosis.level, LEVEL_COPY);
}

static void af_xdp_and_leases_hold_queues_too(void **state)
{
	struct made_up *m = *state;

	m->nic->queues[1].xsk = true;
	m->nic->queues[2].leased = true;
	m->nic->queues[2].lease_ifindex = 40;
	m->nic->queues[2].lease_queue = 3;
	m->nic->queues[2].lease_elsewhere = true;
	made_up_judge(m);
	assert_contains(about_queues(m, "1")->text, "AF_XDP");
	assert_string_equal(about_queues(m, "2")->text,
			    "leased to queue 3 of ifindex 40 in another network namespace");
	assert_contains(m->diagnosis.nics[0].summary, "2 queues busy");
}

static void add_rule(struct made_up *m, struct nic_rule_at rule)
{
	struct nic_steering *s = &m->nic->steering;

	s->rules = reallocarray(s->rules, s->n_rules + 1, sizeof(*s->rules));
	assert_non_null(s->rules);
	s->rules[s->n_rules++] = rule;
}

static void rules_of_others_are_named_and_keep_their_queues(void **state)
{
	struct made_up *m = *state;
	struct nic_rule_at https = {.location = 7,
				    .queue = 5,
				    .family = AF_INET,
				    .may_be_tcp = true,
				    .value.local_port = 443,
				    .mask.local_port = UINT16_MAX};

	add_rule(m, https);
	made_up_judge(m);
	assert_verdict(about_queues(m, "5"), VERDICT_HINT);
	assert_contains(about_queues(m, "5")->text, "others' packets are led here");
	assert_verdict(about_queues(m, "6-15"), VERDICT_OK);
	assert_verdict(about_nic(m, "other steering"), VERDICT_HINT);
	assert_contains(about_nic(m, "other steering")->text,
			"ntuple rule 7 (TCP over IPv4 to port 443) steers to queue 5");
	assert_contains(about_nic(m, "other steering")->text, "before zcrxd's rules");
	assert_int_equal(m->diagnosis.level, LEVEL_READY);
}

static void a_further_rss_context_keeps_its_queues(void **state)
{
	static const uint32_t some[] = {14, 15, 14, 15};
	uint32_t all[MADE_UP_QUEUES];
	struct made_up *m = *state;

	assert_true(nic_steering_add(&m->nic->steering, 3, some, 4));
	made_up_judge(m);
	assert_verdict(about_queues(m, "0-13"), VERDICT_OK);
	assert_verdict(about_queues(m, "14-15"), VERDICT_HINT);
	assert_contains(about_nic(m, "other steering")->text, "RSS context 3 has queues 14-15");
	assert_int_equal(m->diagnosis.level, LEVEL_READY);
	for (uint32_t i = 0; i < MADE_UP_QUEUES; i++)
		all[i] = i;
	assert_true(nic_steering_add(&m->nic->steering, 4, all, MADE_UP_QUEUES));
	made_up_judge(m);
	assert_contains(m->diagnosis.nics[0].summary, "others' packets are led to 16 queues");
	assert_int_equal(m->diagnosis.level, LEVEL_COPY);
}

static void a_rule_that_spreads_by_a_context_adds_its_number(void **state)
{
	static const uint32_t low[] = {0, 1};
	struct made_up *m = *state;

	assert_true(nic_steering_add(&m->nic->steering, 3, low, 2));
	add_rule(m, (struct nic_rule_at){.location = 1,
					 .queue = 8,
					 .spread = true,
					 .context = 3,
					 .family = AF_INET6,
					 .may_be_tcp = true});
	made_up_judge(m);
	assert_verdict(about_queues(m, "0-1"), VERDICT_HINT);
	assert_verdict(about_queues(m, "8-9"), VERDICT_HINT);
	assert_verdict(about_queues(m, "10-15"), VERDICT_OK);
}

static void gve_keeps_its_queue_0(void **state)
{
	struct made_up *m = *state;

	strcpy(m->nic->ethtool.driver, "gve");
	made_up_judge(m);
	assert_verdict(about_queues(m, "0"), VERDICT_NO);
	assert_verdict(about_queues(m, "1-15"), VERDICT_OK);
	assert_string_equal(m->diagnosis.nics[0].summary, "eth0: ready for zero copy.");
}

static void queues_named_only_by_rss_are_not_free_queues(void **state)
{
	struct made_up *m = *state;

	for (unsigned i = 0; i < MADE_UP_QUEUES; i++)
		m->nic->queues[i].listed = false;
	made_up_judge(m);
	assert_null(about_nic(m, "queues"));
	assert_contains(m->diagnosis.nics[0].summary, "its queues are unknown");
	assert_int_equal(m->diagnosis.level, LEVEL_COPY);
}

static void queues_the_kernel_does_not_tell_are_unknown(void **state)
{
	struct made_up *m = *state;

	m->nic->n_queues = 0;
	m->nic->queues_err = -EOPNOTSUPP;
	made_up_judge(m);
	assert_verdict(about_queues(m, "unknown"), VERDICT_NOTE);
	assert_int_equal(m->diagnosis.level, LEVEL_COPY);
}

static void buffers_of_ended_bindings_are_a_hint(void **state)
{
	struct made_up *m = *state;

	m->nic->dead_pools = 2;
	m->nic->dead_pools_bytes = (uint64_t)4 << 20;
	made_up_judge(m);
	assert_verdict(about_nic(m, "old bindings"), VERDICT_HINT);
	assert_string_equal(about_nic(m, "old bindings")->value, "4 MiB");
	assert_int_equal(m->diagnosis.level, LEVEL_READY);
}

static void an_absurd_queue_id_is_not_believed(void **state)
{
	struct made_up *m = *state;

	assert_null(nic_queue(m->nic, UINT32_MAX));
	assert_int_equal(m->nic->n_queues, MADE_UP_QUEUES);
	assert_non_null(nic_queue(m->nic, 100));
	assert_int_equal(m->nic->n_queues, 101);
	assert_false(m->nic->queues[100].listed);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, made_up_setup, made_up_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_queue_held_by_io_uring_names_the_process),
		TEST(a_process_that_only_could_hold_it_is_called_probable),
		TEST(many_possible_holders_are_cut_short),
		TEST(a_hidden_holder_says_who_could_see_it),
		TEST(a_nic_with_all_queues_held_is_not_ready),
		TEST(af_xdp_and_leases_hold_queues_too),
		TEST(rules_of_others_are_named_and_keep_their_queues),
		TEST(a_further_rss_context_keeps_its_queues),
		TEST(a_rule_that_spreads_by_a_context_adds_its_number),
		TEST(gve_keeps_its_queue_0),
		TEST(queues_named_only_by_rss_are_not_free_queues),
		TEST(queues_the_kernel_does_not_tell_are_unknown),
		TEST(buffers_of_ended_bindings_are_a_hint),
		TEST(an_absurd_queue_id_is_not_believed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
