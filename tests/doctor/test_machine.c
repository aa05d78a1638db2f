/* SPDX-License-Identifier: MIT */
/* What the doctor says about kernels, io_uring and limits. */
#include "tests/doctor/made_up.h"

#include "nic/holes.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

static void set_kernel(struct made_up *m, unsigned major, unsigned minor)
{
	m->machine->kernel.major = major;
	m->machine->kernel.minor = minor;
	snprintf(m->machine->kernel.release, sizeof(m->machine->kernel.release), "%u.%u.1", major,
		 minor);
}

static void an_ideal_machine_has_nothing_to_do(void **state)
{
	struct made_up *m = *state;

	made_up_judge(m);
	assert_int_equal(m->diagnosis.machine.level, LEVEL_READY);
	for (unsigned i = 0; i < m->diagnosis.machine.n; i++)
		assert_verdict(&m->diagnosis.machine.findings[i], VERDICT_OK);
	assert_contains(m->diagnosis.machine.summary, "zcrx, devmem");
}

static void kernel_6_11_is_broken(void **state)
{
	struct made_up *m = *state;

	set_kernel(m, 6, 11);
	m->machine->uring.ring_err = -EINVAL;
	made_up_judge(m);
	assert_verdict(about_machine(m, "kernel"), VERDICT_FIX);
	assert_contains(about_machine(m, "kernel")->action, "6.12");
	assert_int_equal(m->diagnosis.level, LEVEL_BROKEN);
	assert_int_equal(m->diagnosis.nics[0].level, LEVEL_BROKEN);
}

static void kernel_5_20_is_older_than_6_12(void **state)
{
	struct made_up *m = *state;

	set_kernel(m, 5, 20);
	made_up_judge(m);
	assert_int_equal(m->diagnosis.level, LEVEL_BROKEN);
}

static void kernels_6_12_to_6_14_do_devmem_only(void **state)
{
	struct made_up *m = *state;

	for (unsigned minor = 12; minor <= 14; minor++) {
		set_kernel(m, 6, minor);
		m->machine->uring.recv_zc = TRI_NO;
		m->machine->kernel.config[CONFIG_IO_URING_ZCRX] = TRI_NO;
		made_up_judge(m);
		assert_verdict(about_machine(m, "kernel"), VERDICT_HINT);
		assert_contains(about_machine(m, "kernel")->text, "devmem only");
		assert_verdict(about_machine(m, "config"), VERDICT_OK);
		assert_null(about_machine(m, "zcrx"));
		assert_string_equal(m->diagnosis.machine.summary,
				    "machine: can do zero copy (devmem).");
		assert_int_equal(m->diagnosis.level, LEVEL_READY);
	}
}

static void kernel_6_15_does_zcrx_but_no_large_buffers(void **state)
{
	struct made_up *m = *state;

	set_kernel(m, 6, 15);
	made_up_judge(m);
	assert_verdict(about_machine(m, "kernel"), VERDICT_OK);
	assert_contains(about_machine(m, "kernel")->text, "large buffers need 7.0");
	assert_string_equal(about_nic(m, "large buffers")->value, "no");
}

static void a_kernel_without_io_uring_is_broken(void **state)
{
	struct made_up *m = *state;

	m->machine->kernel.config[CONFIG_IO_URING] = TRI_NO;
	m->machine->uring.ring_err = -ENOSYS;
	made_up_judge(m);
	assert_verdict(about_machine(m, "config"), VERDICT_FIX);
	assert_verdict(about_machine(m, "io_uring"), VERDICT_FIX);
	assert_int_equal(m->diagnosis.level, LEVEL_BROKEN);
}

static void a_kernel_with_neither_zcrx_nor_devmem_copies(void **state)
{
	struct made_up *m = *state;

	m->machine->kernel.config[CONFIG_IO_URING_ZCRX] = TRI_NO;
	m->machine->kernel.config[CONFIG_NET_DEVMEM] = TRI_NO;
	m->machine->uring.recv_zc = TRI_NO;
	made_up_judge(m);
	assert_verdict(about_machine(m, "config"), VERDICT_FIX);
	assert_int_equal(m->diagnosis.level, LEVEL_COPY);
}

static void a_kernel_with_one_of_zcrx_and_devmem_is_ready(void **state)
{
	struct made_up *m = *state;

	m->machine->kernel.config[CONFIG_IO_URING_ZCRX] = TRI_NO;
	m->machine->uring.recv_zc = TRI_NO;
	made_up_judge(m);
	assert_verdict(about_machine(m, "config"), VERDICT_HINT);
	assert_verdict(about_machine(m, "zcrx"), VERDICT_HINT);
	assert_int_equal(m->diagnosis.level, LEVEL_READY);
}

static void an_unreadable_configuration_is_no_obstacle(void **state)
{
	struct made_up *m = *state;

	m->machine->kernel.config_err = -ENOENT;
	memset(m->machine->kernel.config, 0, sizeof(m->machine->kernel.config));
	made_up_judge(m);
	assert_verdict(about_machine(m, "config"), VERDICT_NOTE);
	assert_int_equal(m->diagnosis.level, LEVEL_READY);
}

static void io_uring_disabled_2_is_broken_for_all(void **state)
{
	struct made_up *m = *state;

	m->machine->uring.disabled = 2;
	m->machine->uring.ring_err = -EPERM;
	m->machine->uring.user_in_group = TRI_YES;
	made_up_judge(m);
	assert_verdict(about_machine(m, "io_uring"), VERDICT_FIX);
	assert_contains(about_machine(m, "io_uring")->action, "kernel.io_uring_disabled=0");
	assert_int_equal(m->diagnosis.level, LEVEL_BROKEN);
}

static void io_uring_disabled_1_is_broken_without_a_group(void **state)
{
	struct made_up *m = *state;

	m->machine->uring.disabled = 1;
	/* root could make its ring; the daemon could not. */
	m->machine->uring.ring_err = 0;
	made_up_judge(m);
	assert_verdict(about_machine(m, "io_uring"), VERDICT_FIX);
	assert_string_equal(about_machine(m, "io_uring")->action,
			    "sysctl kernel.io_uring_group=$(id -g zcrxd)");
	assert_int_equal(m->diagnosis.level, LEVEL_BROKEN);
}

static void io_uring_disabled_1_names_the_group_to_join(void **state)
{
	struct made_up *m = *state;

	m->machine->uring.disabled = 1;
	m->machine->uring.group = 1234;
	made_up_judge(m);
	assert_string_equal(about_machine(m, "io_uring")->action, "add zcrxd to group 1234");
	assert_int_equal(m->diagnosis.level, LEVEL_BROKEN);
}

static void io_uring_disabled_1_is_fine_for_a_member_of_the_group(void **state)
{
	struct made_up *m = *state;

	m->machine->uring.disabled = 1;
	m->machine->uring.group = 1234;
	m->machine->uring.user_in_group = TRI_YES;
	/* The user who runs the doctor is not in the group. The daemon's user may be. */
	m->machine->uring.ring_err = -EPERM;
	m->machine->uring.ring_call = "io_uring_setup";
	made_up_judge(m);
	assert_verdict(about_machine(m, "io_uring"), VERDICT_OK);
	assert_contains(about_machine(m, "io_uring")->text, "not tried");
	assert_int_equal(m->diagnosis.level, LEVEL_READY);
}

static void seccomp_that_blocks_a_call_is_named_with_it(void **state)
{
	static const char *const calls[] = {"io_uring_setup", "io_uring_register",
					    "io_uring_enter"};
	static const int errors[] = {-EPERM, -EACCES, -ENOSYS};
	struct made_up *m = *state;

	m->machine->uring.seccomp = true;
	for (unsigned i = 0; i < 9; i++) {
		m->machine->uring.ring_call = calls[i % 3];
		m->machine->uring.ring_err = errors[i / 3];
		made_up_judge(m);
		assert_verdict(about_machine(m, "io_uring"), VERDICT_FIX);
		assert_contains(about_machine(m, "io_uring")->text, "a seccomp filter blocks");
		assert_contains(about_machine(m, "io_uring")->text, calls[i % 3]);
		assert_int_equal(m->diagnosis.level, LEVEL_BROKEN);
	}
}

static void every_error_of_the_ring_is_explained(void **state)
{
	static const struct {
		const char *call;
		int err;
		const char *part;
	} cases[] = {
		{"io_uring_setup", -EPERM,
		 "security module does not let this user call io_uring_setup"},
		{"io_uring_enter", -EACCES,
		 "security module does not let this user call io_uring_enter"},
		{"io_uring_register", -ENOSYS, "security module"},
		{"io_uring_setup", -ENOMEM, "RLIMIT_MEMLOCK"},
		{"io_uring_setup", -ENOSYS, "no io_uring"},
		{"io_uring_setup", -EINVAL, "io_uring_setup: Invalid argument"},
		{NULL, -EMFILE, "its memory: Too many open files"},
		{"io_uring_enter", -100000, "unknown error"},
	};
	struct made_up *m = *state;

	for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		m->machine->uring.ring_call = cases[i].call;
		m->machine->uring.ring_err = cases[i].err;
		made_up_judge(m);
		assert_verdict(about_machine(m, "io_uring"), VERDICT_FIX);
		assert_contains(about_machine(m, "io_uring")->text, cases[i].part);
	}
}

static void a_user_namespace_has_no_zcrx(void **state)
{
	struct made_up *m = *state;

	m->machine->kernel.init_userns = TRI_NO;
	made_up_judge(m);
	assert_verdict(about_machine(m, "zcrx"), VERDICT_HINT);
	assert_string_equal(m->diagnosis.machine.summary, "machine: can do zero copy (devmem).");
	m->machine->kernel.config[CONFIG_NET_DEVMEM] = TRI_NO;
	made_up_judge(m);
	assert_int_equal(m->diagnosis.level, LEVEL_COPY);
}

static void holes_of_zcrx_are_to_be_fixed(void **state)
{
	struct made_up *m = *state;
	uint32_t hole = hole_find("CVE-2026-45995");

	m->machine->kernel.holes = hole | hole_find("CVE-2026-43174");
	made_up_judge(m);
	assert_verdict(about_machine(m, "hole in zcrx"), VERDICT_FIX);
	assert_string_equal(about_machine(m, "hole in zcrx")->value, "CVE-2026-43174");
	assert_contains(about_machine(m, "hole in zcrx")->action,
			"fixed-in-this-kernel = CVE-2026-43174");
	assert_int_equal(report_count(&m->diagnosis.machine, VERDICT_FIX), 2);
	assert_string_equal(m->diagnosis.machine.summary,
			    "machine: can do zero copy (devmem); more waits for what the FIX lines "
			    "above say.");
	m->machine->kernel.config[CONFIG_NET_DEVMEM] = TRI_NO;
	made_up_judge(m);
	assert_int_equal(m->diagnosis.level, LEVEL_COPY);
	m->machine->kernel.fixed_holes = hole;
	made_up_judge(m);
	assert_int_equal(report_count(&m->diagnosis.machine, VERDICT_FIX), 1);
	assert_int_equal(m->diagnosis.level, LEVEL_COPY);
	m->machine->kernel.fixed_holes = m->machine->kernel.holes;
	made_up_judge(m);
	assert_verdict(about_machine(m, "hole in zcrx"), VERDICT_OK);
	assert_string_equal(m->diagnosis.machine.summary, "machine: can do zero copy (zcrx).");
	assert_int_equal(m->diagnosis.level, LEVEL_READY);
}

static void a_program_that_cannot_be_started_is_broken(void **state)
{
	struct made_up *m = *state;
	struct program_facts *pump = &m->machine->pumps.pump, *hand = &m->machine->pumps.hand;

	hand->mode = 0775;
	made_up_judge(m);
	assert_verdict(about_machine(m, "zcrx-pump"), VERDICT_OK);
	assert_verdict(about_machine(m, "zcrx-hand"), VERDICT_FIX);
	assert_string_equal(about_machine(m, "zcrx-hand")->action,
			    "chmod 0755 /usr/libexec/zcrx-hand");
	assert_int_equal(m->diagnosis.level, LEVEL_READY);
	pump->mode = 0700;
	made_up_judge(m);
	assert_verdict(about_machine(m, "zcrx-pump"), VERDICT_FIX);
	assert_int_equal(m->diagnosis.level, LEVEL_BROKEN);
	pump->err = -ENOENT;
	made_up_judge(m);
	assert_string_equal(about_machine(m, "zcrx-pump")->value, "missing");
	assert_int_equal(m->diagnosis.level, LEVEL_BROKEN);
	pump->path[0] = hand->path[0] = '\0';
	made_up_judge(m);
	assert_null(about_machine(m, "zcrx-pump"));
	assert_int_equal(m->diagnosis.level, LEVEL_READY);
}

static void what_a_pumps_sandbox_lacks_is_said(void **state)
{
	struct made_up *m = *state;
	struct pump_facts *p = &m->machine->pumps;

	p->landlock = 5;
	p->task_err = -EINVAL;
	p->rights_err = -ENOPROTOOPT;
	made_up_judge(m);
	assert_contains(about_machine(m, "Landlock")->action, "6.12");
	assert_verdict(about_machine(m, "ring restrictions"), VERDICT_OK);
	assert_contains(about_machine(m, "SO_PASSRIGHTS")->action, "6.16");
	p->seccomp = true;
	made_up_judge(m);
	assert_contains(about_machine(m, "ring restrictions")->action, "7.2");
	p->landlock = -EOPNOTSUPP;
	made_up_judge(m);
	assert_verdict(about_machine(m, "Landlock"), VERDICT_HINT);
	assert_contains(about_machine(m, "Landlock")->action, "CONFIG_SECURITY_LANDLOCK");
	assert_int_equal(m->diagnosis.level, LEVEL_READY);
	p->landlock = -EPERM;
	made_up_judge(m);
	assert_verdict(about_machine(m, "Landlock"), VERDICT_FIX);
	assert_int_equal(m->diagnosis.level, LEVEL_BROKEN);
}

static void rings_that_cannot_be_taken_leave_devmem(void **state)
{
	struct made_up *m = *state;

	m->machine->pumps.ptrace_scope = -1;
	made_up_judge(m);
	assert_verdict(about_machine(m, "Yama"), VERDICT_OK);
	for (int scope = 2; scope <= 3; scope++) {
		m->machine->pumps.ptrace_scope = scope;
		made_up_judge(m);
		assert_verdict(about_machine(m, "Yama"), VERDICT_FIX);
		assert_contains(about_machine(m, "Yama")->action, "kernel.yama.ptrace_scope=1");
		assert_string_equal(m->diagnosis.machine.summary,
				    "machine: can do zero copy (devmem); more waits for what the "
				    "FIX lines above say.");
	}
	m->machine->pumps.ptrace_scope = 1;
	m->machine->pumps.getfd_err = -EPERM;
	m->machine->pumps.seccomp = true;
	made_up_judge(m);
	assert_verdict(about_machine(m, "Yama"), VERDICT_OK);
	assert_verdict(about_machine(m, "pidfd_getfd"), VERDICT_FIX);
	assert_string_equal(about_machine(m, "pidfd_getfd")->value, "blocked");
	assert_int_equal(m->diagnosis.level, LEVEL_READY);
	m->machine->kernel.config[CONFIG_NET_DEVMEM] = TRI_NO;
	made_up_judge(m);
	assert_int_equal(m->diagnosis.level, LEVEL_COPY);
}

static void a_low_memlock_is_a_hint_and_a_tiny_one_a_fix(void **state)
{
	struct made_up *m = *state;

	m->machine->limits.memlock_bytes = (uint64_t)8 << 20;
	made_up_judge(m);
	assert_verdict(about_machine(m, "memlock"), VERDICT_HINT);
	assert_string_equal(about_machine(m, "memlock")->value, "8 MiB");
	assert_contains(about_machine(m, "memlock")->action, "LimitMEMLOCK");
	m->machine->limits.memlock_bytes = (uint64_t)64 << 10;
	made_up_judge(m);
	assert_verdict(about_machine(m, "memlock"), VERDICT_FIX);
	m->machine->limits.raises = true;
	made_up_judge(m);
	assert_verdict(about_machine(m, "memlock"), VERDICT_OK);
}

static void low_limits_are_hints_with_the_command(void **state)
{
	struct made_up *m = *state;

	m->machine->limits.nofile = 1024;
	m->machine->limits.tcp_rmem_max_bytes = 65536;
	made_up_judge(m);
	assert_verdict(about_machine(m, "open files"), VERDICT_HINT);
	assert_contains(about_machine(m, "tcp_rmem")->action, "net.ipv4.tcp_rmem");
	assert_int_equal(m->diagnosis.level, LEVEL_READY);
}

static void limits_that_cannot_be_read_are_left_out(void **state)
{
	struct made_up *m = *state;

	m->machine->limits = (struct limit_facts){
		.memlock_err = -EPERM,
		.nofile_err = -EPERM,
		.inotify_err = -ENOENT,
		.epoll_err = -ENOENT,
		.tcp_rmem_err = -ENOENT,
	};
	made_up_judge(m);
	assert_verdict(about_machine(m, "memlock"), VERDICT_NOTE);
	assert_null(about_machine(m, "tcp_rmem"));
	assert_null(about_machine(m, "inotify watches"));
	assert_null(about_machine(m, "epoll watches"));
}

static void fewer_watches_than_the_classes_allow_are_a_hint(void **state)
{
	struct made_up *m = *state;
	const struct finding *f;

	m->machine->limits.inotify_watches = 3584;
	made_up_judge(m);
	assert_verdict(about_machine(m, "inotify watches"), VERDICT_OK);
	m->machine->limits.inotify_watches = 3583;
	m->machine->limits.epoll_watches = 8192;
	made_up_judge(m);
	f = about_machine(m, "inotify watches");
	assert_verdict(f, VERDICT_HINT);
	assert_string_equal(f->value, "3583");
	assert_contains(f->action, "sysctl fs.inotify.max_user_watches=3584");
	f = about_machine(m, "epoll watches");
	assert_verdict(f, VERDICT_HINT);
	assert_contains(f->action, "sysctl fs.epoll.max_user_watches=16384");
	assert_int_equal(m->diagnosis.level, LEVEL_READY);
}

static void a_missing_udmabuf_says_how_to_get_it(void **state)
{
	struct made_up *m = *state;

	m->machine->limits.udmabuf_err = -ENOENT;
	made_up_judge(m);
	assert_string_equal(about_machine(m, "udmabuf")->action, "modprobe udmabuf");
	m->machine->kernel.config[CONFIG_UDMABUF] = TRI_NO;
	made_up_judge(m);
	assert_contains(about_machine(m, "udmabuf")->action, "CONFIG_UDMABUF");
	m->machine->limits.udmabuf_err = -EACCES;
	made_up_judge(m);
	assert_contains(about_machine(m, "udmabuf")->text, "Permission denied");
}

static void a_machine_without_nics_says_so_and_copies(void **state)
{
	struct made_up *m = *state;

	m->facts.n_nics = 0;
	made_up_judge(m);
	assert_contains(m->diagnosis.machine.summary, "no physical network interface");
	assert_int_equal(m->diagnosis.level, LEVEL_COPY);
	m->facts.n_nics = 1;
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, made_up_setup, made_up_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(an_ideal_machine_has_nothing_to_do),
		TEST(kernel_6_11_is_broken),
		TEST(kernel_5_20_is_older_than_6_12),
		TEST(kernels_6_12_to_6_14_do_devmem_only),
		TEST(kernel_6_15_does_zcrx_but_no_large_buffers),
		TEST(a_kernel_without_io_uring_is_broken),
		TEST(a_kernel_with_neither_zcrx_nor_devmem_copies),
		TEST(a_kernel_with_one_of_zcrx_and_devmem_is_ready),
		TEST(an_unreadable_configuration_is_no_obstacle),
		TEST(io_uring_disabled_2_is_broken_for_all),
		TEST(io_uring_disabled_1_is_broken_without_a_group),
		TEST(io_uring_disabled_1_names_the_group_to_join),
		TEST(io_uring_disabled_1_is_fine_for_a_member_of_the_group),
		TEST(seccomp_that_blocks_a_call_is_named_with_it),
		TEST(every_error_of_the_ring_is_explained),
		TEST(a_user_namespace_has_no_zcrx),
		TEST(holes_of_zcrx_are_to_be_fixed),
		TEST(a_program_that_cannot_be_started_is_broken),
		TEST(what_a_pumps_sandbox_lacks_is_said),
		TEST(rings_that_cannot_be_taken_leave_devmem),
		TEST(a_low_memlock_is_a_hint_and_a_tiny_one_a_fix),
		TEST(low_limits_are_hints_with_the_command),
		TEST(limits_that_cannot_be_read_are_left_out),
		TEST(fewer_watches_than_the_classes_allow_are_a_hint),
		TEST(a_missing_udmabuf_says_how_to_get_it),
		TEST(a_machine_without_nics_says_so_and_copies),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
