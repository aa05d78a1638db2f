/* SPDX-License-Identifier: MIT */
/* What the doctor says about drivers, settings and the links around a NIC. */
#include "tests/doctor/made_up.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void set_driver(struct made_up *m, const char *driver, int probe_err)
{
	snprintf(m->nic->ethtool.driver, sizeof(m->nic->ethtool.driver), "%s", driver);
	m->nic->probe_err = probe_err;
}

static void make_virtual(struct made_up *m, const char *name, const char *kind)
{
	struct link_facts *l = &m->nic->link;

	l->bus_device[0] = '\0';
	snprintf(l->name, sizeof(l->name), "%s", name);
	snprintf(l->kind, sizeof(l->kind), "%s", kind);
	m->nic->probe_err = -EOPNOTSUPP;
}

static void assert_summary(const struct made_up *m, const char *text)
{
	assert_string_equal(m->diagnosis.nics[0].summary, text);
}

static void an_ideal_mlx5_nic_is_ready(void **state)
{
	struct made_up *m = *state;

	made_up_judge(m);
	assert_verdict(about_nic(m, "driver"), VERDICT_OK);
	assert_contains(about_nic(m, "driver")->text, "probed, nothing changed");
	assert_verdict(about_nic(m, "MTU"), VERDICT_OK);
	assert_verdict(about_queues(m, "0-15"), VERDICT_OK);
	assert_verdict(about_nic(m, "disturbance"), VERDICT_NOTE);
	assert_summary(m, "eth0: ready for zero copy.");
	assert_int_equal(m->diagnosis.level, LEVEL_READY);
}

static void without_privilege_the_driver_table_answers(void **state)
{
	struct made_up *m = *state;

	m->nic->probe_err = -EPERM;
	made_up_judge(m);
	assert_verdict(about_nic(m, "driver"), VERDICT_OK);
	assert_contains(about_nic(m, "driver")->text, "by the driver table");
	assert_int_equal(m->diagnosis.level, LEVEL_READY);
}

static void the_probe_beats_the_driver_table(void **state)
{
	struct made_up *m = *state;

	m->nic->probe_err = -EOPNOTSUPP;
	made_up_judge(m);
	assert_verdict(about_nic(m, "driver"), VERDICT_NO);
	assert_contains(about_nic(m, "driver")->action, "newer kernel");
	assert_int_equal(m->diagnosis.level, LEVEL_COPY);
}

static void before_6_16_a_probe_that_got_through_proves_nothing(void **state)
{
	struct made_up *m = *state;

	m->machine->kernel.major = 6;
	m->machine->kernel.minor = 13;
	set_driver(m, "r8169", -EBADF);
	made_up_judge(m);
	assert_contains(about_nic(m, "driver")->text, "unknown");
	set_driver(m, "mlx5_core", -EBADF);
	made_up_judge(m);
	assert_contains(about_nic(m, "driver")->text, "by the driver table");
}

static void virtio_is_unsupported_and_its_settings_do_not_matter(void **state)
{
	struct made_up *m = *state;

	set_driver(m, "virtio_net", -EPERM);
	m->nic->ethtool.ntuple = (struct feature){.fixed = true};
	m->nic->ethtool.rx_queues = 1;
	m->nic->link.xdp = 1;
	made_up_judge(m);
	assert_verdict(about_nic(m, "driver"), VERDICT_NO);
	assert_contains(about_nic(m, "driver")->action, "mlx5_core");
	assert_verdict(about_nic(m, "ntuple"), VERDICT_NOTE);
	assert_verdict(about_nic(m, "channels"), VERDICT_NOTE);
	assert_verdict(about_nic(m, "XDP"), VERDICT_NOTE);
	assert_verdict(about_queues(m, "0-15"), VERDICT_NOTE);
	assert_summary(m, "eth0: no zero copy; clients get backend=copy.");
	assert_int_equal(m->diagnosis.level, LEVEL_COPY);
}

/* What a plan is made of. */
static void what_keeps_queues_from_being_leased_is_told_apart(void **state)
{
	struct made_up *m = *state;
	struct report r = {0};

	judge_abilities(m->machine, m->nic, &r);
	assert_int_equal(report_count(&r, VERDICT_NO) + report_count(&r, VERDICT_FIX), 0);
	m->nic->ethtool.ntuple = (struct feature){.fixed = true};
	m->nic->link.xdp = 1;
	judge_abilities(m->machine, m->nic, &r);
	assert_int_equal(report_count(&r, VERDICT_NO), 1);
	assert_int_equal(report_count(&r, VERDICT_FIX), 1);
	free(r.findings);
	r = (struct report){0};
	set_driver(m, "virtio_net", -EPERM);
	judge_abilities(m->machine, m->nic, &r);
	assert_int_equal(r.n, 1);
	assert_verdict(&r.findings[0], VERDICT_NO);
	free(r.findings);
}

static void an_unlisted_driver_is_not_called_ready(void **state)
{
	static const int probes[] = {-EPERM, -EBADF};
	struct made_up *m = *state;

	for (unsigned i = 0; i < 2; i++) {
		set_driver(m, "r8169", probes[i]);
		made_up_judge(m);
		assert_verdict(about_nic(m, "driver"), VERDICT_HINT);
		assert_int_equal(m->diagnosis.level, LEVEL_COPY);
	}
	set_driver(m, "r8169", -EOPNOTSUPP);
	made_up_judge(m);
	assert_verdict(about_nic(m, "driver"), VERDICT_NO);
	assert_contains(about_nic(m, "driver")->text, "probed, nothing changed");
}

static void a_driver_that_cannot_be_named_is_unknown(void **state)
{
	struct made_up *m = *state;

	set_driver(m, "", -EPERM);
	m->nic->ethtool.driver_err = -EOPNOTSUPP;
	made_up_judge(m);
	assert_string_equal(about_nic(m, "driver")->value, "unknown");
	assert_int_equal(m->diagnosis.level, LEVEL_COPY);
}

static void header_split_off_is_left_to_the_daemon(void **state)
{
	struct made_up *m = *state;

	m->nic->ethtool.split = TRI_NO;
	made_up_judge(m);
	assert_verdict(about_nic(m, "header split"), VERDICT_LATER);
	assert_string_equal(about_nic(m, "header split")->text, "zcrxd turns it on");
	m->nic->ethtool.gro_hw.active = false;
	made_up_judge(m);
	assert_string_equal(about_nic(m, "header split")->text,
			    "zcrxd turns it on; rx-gro-hw must go first");
	assert_int_equal(m->diagnosis.level, LEVEL_READY);
}

static void header_split_that_cannot_be_had_is_a_no(void **state)
{
	struct made_up *m = *state;

	m->nic->ethtool.split = TRI_NO;
	m->nic->ethtool.gro_hw = (struct feature){.fixed = true};
	made_up_judge(m);
	assert_verdict(about_nic(m, "header split"), VERDICT_NO);
	assert_contains(m->diagnosis.nics[0].summary, "1 that it lacks");
	assert_int_equal(m->diagnosis.level, LEVEL_COPY);
	/* Only mlx5 ties the two together. */
	set_driver(m, "bnxt_en", -EBADF);
	made_up_judge(m);
	assert_verdict(about_nic(m, "header split"), VERDICT_LATER);
}

static void a_header_split_the_driver_does_not_tell_is_left_to_the_daemon(void **state)
{
	struct made_up *m = *state;

	m->nic->ethtool.split = TRI_UNKNOWN;
	made_up_judge(m);
	assert_verdict(about_nic(m, "header split"), VERDICT_LATER);
	assert_string_equal(about_nic(m, "header split")->value, "unsaid");
}

static void hds_thresh_is_set_to_zero_later(void **state)
{
	struct made_up *m = *state;

	m->nic->ethtool.thresh = 256;
	made_up_judge(m);
	assert_verdict(about_nic(m, "hds-thresh"), VERDICT_LATER);
	assert_string_equal(about_nic(m, "hds-thresh")->value, "256");
	m->nic->ethtool.thresh_known = TRI_NO;
	made_up_judge(m);
	assert_verdict(about_nic(m, "hds-thresh"), VERDICT_OK);
}

static void without_ethtool_netlink_the_settings_are_unknown_with_the_reason(void **state)
{
	static const char *const subjects[] = {"header split", "ntuple", "RSS", "channels"};
	struct ethtool_facts *e;
	struct made_up *m = *state;

	e = &m->nic->ethtool;
	e->rings_err = -ENOENT;
	e->channels_err = -ENOENT;
	e->features_err = -ENOENT;
	nic_steering_done(&m->nic->steering);
	m->nic->steering.rss_err = -ENOENT;
	m->nic->pools_err = -ENOENT;
	made_up_judge(m);
	for (unsigned i = 0; i < sizeof(subjects) / sizeof(subjects[0]); i++) {
		assert_verdict(about_nic(m, subjects[i]), VERDICT_NOTE);
		assert_contains(about_nic(m, subjects[i])->text, "No such file");
	}
}

static void ntuple_off_is_turned_on_later_and_missing_is_a_no(void **state)
{
	struct made_up *m = *state;

	m->nic->ethtool.ntuple = (struct feature){0};
	made_up_judge(m);
	assert_verdict(about_nic(m, "ntuple"), VERDICT_LATER);
	m->nic->ethtool.ntuple = (struct feature){.fixed = true};
	made_up_judge(m);
	assert_verdict(about_nic(m, "ntuple"), VERDICT_NO);
	assert_int_equal(m->diagnosis.level, LEVEL_COPY);
}

static void rss_says_which_queues_it_uses(void **state)
{
	struct made_up *m = *state;

	made_up_judge(m);
	assert_verdict(about_nic(m, "RSS"), VERDICT_LATER);
	assert_string_equal(about_nic(m, "RSS")->value, "16 of 16 queues");
	m->nic->steering.tables[0].queues[14] = m->nic->steering.tables[0].queues[15] = 0;
	made_up_judge(m);
	assert_verdict(about_nic(m, "RSS"), VERDICT_OK);
	assert_string_equal(about_nic(m, "RSS")->value, "14 of 16 queues");
	m->nic->steering.tables[0].n = 0;
	made_up_judge(m);
	assert_verdict(about_nic(m, "RSS"), VERDICT_HINT);
}

static void a_single_queue_cannot_be_leased(void **state)
{
	struct made_up *m = *state;

	m->nic->n_queues = 1;
	m->nic->ethtool.rx_queues = 1;
	made_up_judge(m);
	assert_verdict(about_nic(m, "channels"), VERDICT_FIX);
	assert_string_equal(about_nic(m, "channels")->action, "ethtool -L eth0 combined 16");
	assert_contains(m->diagnosis.nics[0].summary, "1 to fix");
	m->nic->ethtool.rx_queues_max = 1;
	made_up_judge(m);
	assert_verdict(about_nic(m, "channels"), VERDICT_NO);
	assert_int_equal(m->diagnosis.level, LEVEL_COPY);
}

static void mtu_hints_fill_whole_pages(void **state)
{
	static const struct {
		uint32_t mtu;
		enum verdict verdict;
		const char *text, *action;
	} cases[] = {
		{1500, VERDICT_HINT, "payload 1448 B never fills a page; 4148 gives 4096",
		 "ip link set eth0 mtu 4148, if all of the path can (IPv6: 4168)"},
		{9000, VERDICT_HINT, "payload 8948 B leaves a page part-filled; 8244 gives 8192",
		 "ip link set eth0 mtu 8244, if all of the path can (IPv6: 8264)"},
		{4148, VERDICT_OK, "payload fills whole pages (IPv4)", ""},
		{4168, VERDICT_OK, "payload fills whole pages (IPv6)", ""},
		{8244, VERDICT_OK, "payload fills whole pages (IPv4)", ""},
		{4147, VERDICT_HINT, "payload 4095 B never fills a page; 4148 gives 4096",
		 "ip link set eth0 mtu 4148, if all of the path can (IPv6: 4168)"},
	};
	struct made_up *m = *state;

	for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		m->nic->link.mtu = cases[i].mtu;
		made_up_judge(m);
		assert_verdict(about_nic(m, "MTU"), cases[i].verdict);
		assert_string_equal(about_nic(m, "MTU")->text, cases[i].text);
		assert_string_equal(about_nic(m, "MTU")->action, cases[i].action);
		assert_int_equal(m->diagnosis.level, LEVEL_READY);
	}
	m->nic->link.mtu = 60;
	made_up_judge(m);
	assert_null(about_nic(m, "MTU"));
}

static void mtu_hints_follow_the_page_size(void **state)
{
	struct made_up *m = *state;

	m->machine->page_bytes = 65536;
	m->nic->link.mtu = 9000;
	made_up_judge(m);
	assert_contains(about_nic(m, "MTU")->text, "65588 gives 65536");
}

static void an_xdp_program_must_go(void **state)
{
	static const char *const commands[] = {"xdpdrv off", "xdpgeneric off", "xdpoffload off",
					       "xdp off"};
	struct made_up *m = *state;

	m->nic->link.xdp_program = 77;
	for (uint8_t xdp = 1; xdp <= 4; xdp++) {
		m->nic->link.xdp = xdp;
		made_up_judge(m);
		assert_verdict(about_nic(m, "XDP"), VERDICT_FIX);
		assert_contains(about_nic(m, "XDP")->text, "program 77");
		assert_contains(about_nic(m, "XDP")->action, commands[xdp - 1]);
		assert_int_equal(m->diagnosis.level, LEVEL_COPY);
	}
	m->nic->link.xdp = 200;
	made_up_judge(m);
	assert_verdict(about_nic(m, "XDP"), VERDICT_FIX);
}

static void a_nic_that_is_down_must_come_up(void **state)
{
	struct made_up *m = *state;

	m->nic->link.up = false;
	m->nic->n_queues = 0;
	made_up_judge(m);
	assert_verdict(about_nic(m, "link"), VERDICT_FIX);
	assert_string_equal(about_nic(m, "link")->action, "ip link set eth0 up");
	assert_int_equal(m->diagnosis.level, LEVEL_COPY);
}

static void a_bond_points_at_its_members(void **state)
{
	struct made_up *m = *state;

	make_virtual(m, "bond0", "bond");
	snprintf(m->nic->link.members, sizeof(m->nic->link.members), "eth0, eth1");
	made_up_judge(m);
	assert_verdict(about_nic(m, "driver"), VERDICT_NO);
	assert_contains(about_nic(m, "driver")->text, "eth0, eth1");
	assert_null(about_nic(m, "header split"));
	assert_int_equal(m->diagnosis.level, LEVEL_COPY);
}

static void a_member_of_a_bond_warns_of_the_others(void **state)
{
	struct made_up *m = *state;

	snprintf(m->nic->link.master_name, sizeof(m->nic->link.master_name), "bond0");
	snprintf(m->nic->link.master_kind, sizeof(m->nic->link.master_kind), "bond");
	made_up_judge(m);
	assert_verdict(about_nic(m, "member of"), VERDICT_HINT);
	assert_string_equal(about_nic(m, "member of")->value, "bond0");
	assert_int_equal(m->diagnosis.level, LEVEL_READY);
}

static void a_vlan_points_at_the_nic_below(void **state)
{
	struct made_up *m = *state;

	make_virtual(m, "eth0.5", "vlan");
	snprintf(m->nic->link.lower_name, sizeof(m->nic->link.lower_name), "eth0");
	made_up_judge(m);
	assert_verdict(about_nic(m, "driver"), VERDICT_NO);
	assert_string_equal(about_nic(m, "driver")->action, "zcrxctl doctor eth0");
	m->nic->link.lower_elsewhere = true;
	made_up_judge(m);
	assert_contains(about_nic(m, "driver")->text, "another network namespace");
}

static void a_nic_below_a_vlan_says_so(void **state)
{
	struct made_up *m = *state;

	snprintf(m->nic->link.uppers, sizeof(m->nic->link.uppers), "eth0.5, eth0.6");
	made_up_judge(m);
	assert_verdict(about_nic(m, "below"), VERDICT_NOTE);
	assert_contains(about_nic(m, "below")->text, "eth0.5, eth0.6");
}

static void virtual_devices_have_no_queues(void **state)
{
	static const char *const kinds[] = {"veth", "bridge", "dummy", "tun", "team", "netkit"};
	struct made_up *m = *state;

	for (unsigned i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		make_virtual(m, "v0", kinds[i]);
		made_up_judge(m);
		assert_string_equal(about_nic(m, "driver")->value, kinds[i]);
		assert_int_equal(m->diagnosis.level, LEVEL_COPY);
	}
	m->nic->link.loopback = true;
	made_up_judge(m);
	assert_string_equal(about_nic(m, "driver")->value, "loopback");
}

static void one_ready_nic_is_enough_unless_they_are_named(void **state)
{
	struct made_up *m = *state;
	struct nic_facts *nics = test_calloc(2, sizeof(*nics));

	nics[0] = *m->nic;
	nics[1].link = m->nic->link;
	nics[1].probe_err = -EOPNOTSUPP;
	m->facts.nics = nics;
	m->facts.n_nics = 2;
	made_up_judge(m);
	assert_int_equal(m->diagnosis.nics[0].level, LEVEL_READY);
	assert_int_equal(m->diagnosis.nics[1].level, LEVEL_COPY);
	assert_int_equal(m->diagnosis.level, LEVEL_READY);
	m->facts.named = true;
	made_up_judge(m);
	assert_int_equal(m->diagnosis.level, LEVEL_COPY);
	m->facts.nics = m->nic;
	m->facts.n_nics = 1;
	test_free(nics);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, made_up_setup, made_up_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(an_ideal_mlx5_nic_is_ready),
		TEST(without_privilege_the_driver_table_answers),
		TEST(the_probe_beats_the_driver_table),
		TEST(before_6_16_a_probe_that_got_through_proves_nothing),
		TEST(virtio_is_unsupported_and_its_settings_do_not_matter),
		TEST(what_keeps_queues_from_being_leased_is_told_apart),
		TEST(an_unlisted_driver_is_not_called_ready),
		TEST(a_driver_that_cannot_be_named_is_unknown),
		TEST(header_split_off_is_left_to_the_daemon),
		TEST(header_split_that_cannot_be_had_is_a_no),
		TEST(a_header_split_the_driver_does_not_tell_is_left_to_the_daemon),
		TEST(hds_thresh_is_set_to_zero_later),
		TEST(without_ethtool_netlink_the_settings_are_unknown_with_the_reason),
		TEST(ntuple_off_is_turned_on_later_and_missing_is_a_no),
		TEST(rss_says_which_queues_it_uses),
		TEST(a_single_queue_cannot_be_leased),
		TEST(mtu_hints_fill_whole_pages),
		TEST(mtu_hints_follow_the_page_size),
		TEST(an_xdp_program_must_go),
		TEST(a_nic_that_is_down_must_come_up),
		TEST(a_bond_points_at_its_members),
		TEST(a_member_of_a_bond_warns_of_the_others),
		TEST(a_vlan_points_at_the_nic_below),
		TEST(a_nic_below_a_vlan_says_so),
		TEST(virtual_devices_have_no_queues),
		TEST(one_ready_nic_is_enough_unless_they_are_named),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
