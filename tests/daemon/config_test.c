/* SPDX-License-Identifier: MIT */
/* zcrxd.conf: what it says, and what is said of its mistakes; for classes see
 * config_classes_test.c. */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "nic/holes.h"
#include "policy/config_file.h"
#include "policy/sections.h"
#include "tests/daemon/config_world.h"

static void an_empty_file_leaves_the_defaults(void **state)
{
	(void)state;
	assert_int_equal(read_text(""), 0);
	assert_int_equal(read_text("# nothing\n\n; here\n[class default]\n"), 0);
	assert_string_equal(said, "");
	assert_string_equal(config.clients, "/run/zcrxd/zcrxd.sock");
	assert_string_equal(config.status, "/run/zcrxd/status.sock");
	assert_int_equal(config.mode, 0660);
	assert_null(config.group);
	assert_int_equal(rest()->host, POLICY_HOST_NO);
	assert_false(rest()->udmabuf);
	assert_int_equal(rest()->nics.n, 0);
	assert_null(rest()->next);
	assert_int_equal(config_read(&config, "/nonexistent/zcrxd.conf"), -ENOENT);
}

static void a_file_that_was_named_has_to_be_there(void **state)
{
	(void)state;
	struct config c;
	assert_int_equal(config_load(&c, "/nonexistent/zcrxd.conf"), -ENOENT);
	assert_string_equal(c.clients, config.clients);
	config_done(&c);
	assert_int_equal(config_load(&c, "/"), -EISDIR);
	config_done(&c);
}

static void every_key_is_read(void **state)
{
	(void)state;
	assert_int_equal(read_text("[sockets]\nclients = /a\nstatus=/b\nmode=0600\ngroup=wheel\n"
				   "[class default]\nsessions=1\nqueues=2\nareas=3\narea-bytes=4\n"
				   "flows=5\nlisteners=6\nrequests-per-second=7\nmost-users=8\n"
				   "leases-per-minute=9\nconnections-per-second=10\n"
				   "host-flows=yes\nudmabuf=yes\nbackends=zcrx copy\n"),
			 0);
	assert_string_equal(config.clients, "/a");
	assert_string_equal(config.status, "/b");
	assert_string_equal(config.group, "wheel");
	assert_int_equal(config.mode, 0600);
	for (int kind = 0; kind <= ACCOUNT_LISTENERS; kind++)
		assert_int_equal(rest()->limits.most[kind], kind + 1);
	assert_int_equal(rest()->limits.requests_per_second, 7);
	assert_int_equal(rest()->limits.most_users, 8);
	assert_int_equal(rest()->limits.leases_per_minute, 9);
	assert_int_equal(rest()->limits.connections_per_second, 10);
	assert_int_equal(rest()->backends, BACKEND_BIT_COPY | BACKEND_BIT_ZCRX);
	assert_int_equal(rest()->host, POLICY_HOST_YES);
	assert_true(rest()->udmabuf);
	assert_int_equal(read_text("[sockets]\ngroup=\n[class default]\nhost-flows=no\n"), 0);
	assert_null(config.group);
	assert_int_equal(rest()->host, POLICY_HOST_NO);
}

static void holes_that_this_kernel_has_not_are_named(void **state)
{
	(void)state;
	assert_int_equal(read_text("[zcrx]\nfixed-in-this-kernel=CVE-2026-43121 CVE-2026-45995\n"),
			 0);
	assert_int_equal(config.fixed_holes,
			 hole_find("CVE-2026-43121") | hole_find("CVE-2026-45995"));
	assert_int_equal(read_text("[zcrx]\nfixed-in-this-kernel=\n"), 0);
	assert_int_equal(config.fixed_holes, 0);
	refused("[zcrx]\nfixed-in-this-kernel=CVE-2026-43121 CVE-2026-1\n", 2,
		"CVEs that zcrxd.conf(5) lists");
	refused("[zcrx]\nfixed-in-this-kernel=yes\n", 2, "CVEs that zcrxd.conf(5) lists");
	refused("[zcrx]\nallow=yes\n", 2, "known in [zcrx]: fixed-in-this-kernel");
}

static void bytes_have_units(void **state)
{
	(void)state;
	static const struct {
		const char *text;
		uint64_t bytes;
	} sizes[] = {
		{"0", 0},
		{"7", 7},
		{"3K", 3ull << 10},
		{"3M", 3ull << 20},
		{"3G", 3ull << 30},
		{"3T", 3ull << 40},
		{"16777215T", 16777215ull << 40},
		{"18446744073709551615", UINT64_MAX},
	};
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		char text[64];
		snprintf(text, sizeof(text), "[class default]\narea-bytes=%s\n", sizes[i].text);
		assert_int_equal(read_text(text), 0);
		assert_int_equal(rest()->limits.most[ACCOUNT_BYTES], sizes[i].bytes);
	}
}

static void queues_of_nics_are_numbers_and_ranges(void **state)
{
	(void)state;
	const uint32_t first[] = {2, 3, 4, 9};
	assert_int_equal(read_text("[nic eth0]\nqueues = 2-4, 9\n[nic ens1f0np0]\nqueues=0\n"), 0);
	const struct config_nic *nic = config.nics;
	assert_non_null(nic);
	assert_string_equal(nic->name, "eth0");
	assert_int_equal(nic->queues.n, 4);
	assert_memory_equal(nic->queues.ids, first, sizeof(first));
	assert_non_null(nic->next);
	assert_string_equal(nic->next->name, "ens1f0np0");
	assert_int_equal(nic->next->queues.n, 1);
	assert_null(nic->next->next);
}

static void orphans_have_time_from_a_second_to_a_day(void **state)
{
	(void)state;
	assert_int_equal(read_text(""), 0);
	assert_int_equal(config.orphan_seconds, 300);
	assert_int_equal(read_text("[pumps]\norphan-seconds=7\n"), 0);
	assert_int_equal(config.orphan_seconds, 7);
	refused("[pumps]\norphan-seconds=0\n", 2, "expected a number of seconds from 1 to 86400");
	refused("[pumps]\norphan-seconds=86401\n", 2, "from 1 to 86400");
	refused("[pumps]\norphan-seconds=soon\n", 2, "expected a number");
}

static void a_nic_lingers_as_long_as_it_is_told(void **state)
{
	(void)state;
	assert_int_equal(read_text("[nic a]\nqueues=1\n[nic b]\nlinger-seconds=0\nqueues=1\n"), 0);
	assert_int_equal(config.nics->linger_seconds, 30);
	assert_int_equal(config.nics->next->linger_seconds, 0);
	refused("[nic a]\nqueues=1\nlinger-seconds=soon\n", 3, "expected a number");
	refused("[nic a]\nqueues=1\nlinger-seconds=86401\n", 3, "at most 86400");
	refused("[nic a]\nlinger=1\n", 2, "known in [nic NAME]: queues linger-seconds");
}

static void queues_that_are_none_are_refused(void **state)
{
	(void)state;
	const char *const values[] = {"", "x", "-1", "1-", "4-2", "1;2", "16384", "1-99999999"};
	char text[64];
	for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++) {
		snprintf(text, sizeof(text), "[nic e]\nqueues=%s\n", values[i]);
		refused(text, 2, "expected numbers and ranges");
	}
	refused("[nic e]\nqueue=1\n", 2, "known in [nic NAME]: queues");
	refused("[nic a-name-too-long-to-be]\nqueues=1\n", 1, "not the name of an interface");
}

static void bad_values_are_refused_with_their_line(void **state)
{
	(void)state;
	static const char *const bytes[] = {"",
					    "-1",
					    "+1",
					    "x",
					    "1X",
					    "1KK",
					    "1k",
					    "16777216T",
					    "0x1",
					    "1 2",
					    "18446744073709551616"};
	for (size_t i = 0; i < sizeof(bytes) / sizeof(bytes[0]); i++) {
		char text[64];
		snprintf(text, sizeof(text), "# one\n[class default]\narea-bytes=%s\n", bytes[i]);
		refused(text, 3, "expected a number of bytes, with K, M, G or T");
	}
	refused("[class default]\n\nflows=1K\n", 3, "flows=1K: expected a number");
	refused("[sockets]\nmode=0888\n", 2, "expected an octal mode");
	refused("[sockets]\nmode=01777\n", 2, "expected an octal mode");
	refused("[sockets]\nmode=rw\n", 2, "expected an octal mode");
	refused("[class default]\nhost-flows=maybe\n", 2,
		"host-flows=maybe: expected no, receive-only or yes");
}

static void unknown_keys_are_refused_with_what_is_known(void **state)
{
	(void)state;
	refused("[class default]\nsockets=3\n", 2,
		"unknown key 'sockets'; known in [class NAME]: socket mode group users groups "
		"backends nics local remote host-flows udmabuf sessions queues areas area-bytes flows "
		"listeners requests-per-second connections-per-second leases-per-minute most-users");
	refused("[limit]\nflows=3\n", 1,
		"there is no section [limit]; known: [sockets] [pumps] [zcrx] [class NAME] [nic NAME]");
	refused("flows=3\n", 1, "key 'flows' is in no section; known: [sockets]");
	refused("[class default]\nflows\n", 2, "neither [section] nor key=value");
	refused("[limits\nflows=1\n", 1, "neither [section] nor key=value");
}

static void all_mistakes_are_told_at_once(void **state)
{
	(void)state;
	refused("[class default]\nflows=a\nqueues=b\n[nonsense]\nx=y\n", 2, "flows=a");
	refused("[class default]\nflows=a\nqueues=b\n[nonsense]\nx=y\n", 3, "queues=b");
	refused("[class default]\nflows=a\nqueues=b\n[nonsense]\nx=y\n", 4,
		"no section [nonsense]");
}

static void values_that_make_no_sense_together_are_refused(void **state)
{
	(void)state;
	refused("[class default]\nflows=1\nrequests-per-second=0\n", 3,
		"requests-per-second=0: expected a number, at least 1");
	refused("[class default]\nleases-per-minute=0\n", 2,
		"leases-per-minute=0: expected a number, at least 1");
	refused("\n[class default]\nmost-users=0\n", 3,
		"most-users=0: expected a number, at least 1");
	refused("[sockets]\nclients=\n", 2, "must not be empty");
}

static void a_key_is_given_once(void **state)
{
	(void)state;
	refused("[class default]\nflows=1\nqueues=1\nflows=2\n", 4,
		"flows= is given in line 2 already");
	refused("[nic a]\nqueues=1\n[nic b]\nqueues=1\n[nic a]\nqueues=1\n", 6,
		"queues= is given in line 2 already");
	refused("[sockets]\nmode=0600\nmode=0600\n", 3, "mode= is given in line 2 already");
	assert_int_equal(read_text("[class a]\nusers=1\nflows=1\n[class b]\nusers=2\nflows=1\n"),
			 0);
}

static void a_long_line_keeps_the_count(void **state)
{
	(void)state;
	char text[2048] = "# ";
	memset(text + 2, 'x', 1500);
	strcpy(text + 1502, "\n[class default]\nflows=a\n");
	refused(text, 3, "flows=a");
	refused(text + 2, 1, "the line is longer than");
}

static void what_holds_from_the_start_is_compared(void **state)
{
	(void)state;
	struct config other;
	const char *const more[] = {"[sockets]\nclients=/x\n",
				    "[sockets]\ngroup=x\n",
				    "[sockets]\nmode=0\n",
				    "[nic e]\nqueues=1\n",
				    "[nic e]\nqueues=2\n",
				    "[nic e]\nqueues=2\nlinger-seconds=7\n",
				    "[zcrx]\nfixed-in-this-kernel=CVE-2026-43121\n"};
	assert_int_equal(config_init(&other), 0);
	assert_true(config_same_start(&config, &other));
	assert_int_equal(read_text("[class default]\nqueues=7\n"), 0);
	assert_true(config_same_start(&config, &other));
	for (size_t i = 0; i < sizeof(more) / sizeof(more[0]); i++) {
		assert_int_equal(read_text(more[i]), 0);
		assert_false(config_same_start(&config, &other));
		assert_int_equal(config_read(&other, path), 0);
		assert_true(config_same_start(&config, &other));
	}
	config_done(&other);
}

static void what_is_printed_can_be_read(void **state)
{
	(void)state;
	static char text[8192], again[8192];
	assert_int_equal(read_text(
				 "[sockets]\nmode=0606\ngroup=g\n[class default]\narea-bytes=5M\n"
				 "host-flows=yes\n[nic eth0]\nqueues=0-9\nlinger-seconds=8\n"
				 "[class a]\nusers=7 root\ngroups=9-10\nlocal=\nremote=1.2.3.4/7\n"
				 "[class b]\nsocket=/b\nmode=0\ngroup=h\nnics=eth0:1-2,9 eth0\n"
				 "local=[::1]:8 ::/0 *:9\nhost-flows=receive-only\nremote=*\n"),
			 0);
	FILE *f = fmemopen(text, sizeof(text), "w");
	config_print(&config, f);
	fclose(f);
	config_done(&config);
	assert_int_equal(config_init(&config), 0);
	assert_int_equal(read_text(text), 0);
	f = fmemopen(again, sizeof(again), "w");
	config_print(&config, f);
	fclose(f);
	assert_string_equal(text, again);
	assert_non_null(strstr(text, "sessions=32\n"));
	assert_non_null(strstr(text, "area-bytes=5242880\n"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(an_empty_file_leaves_the_defaults),
		CASE(a_file_that_was_named_has_to_be_there),
		CASE(every_key_is_read),
		CASE(holes_that_this_kernel_has_not_are_named),
		CASE(bytes_have_units),
		CASE(queues_of_nics_are_numbers_and_ranges),
		CASE(orphans_have_time_from_a_second_to_a_day),
		CASE(a_nic_lingers_as_long_as_it_is_told),
		CASE(queues_that_are_none_are_refused),
		CASE(bad_values_are_refused_with_their_line),
		CASE(unknown_keys_are_refused_with_what_is_known),
		CASE(all_mistakes_are_told_at_once),
		CASE(a_key_is_given_once),
		CASE(values_that_make_no_sense_together_are_refused),
		CASE(a_long_line_keeps_the_count),
		CASE(what_holds_from_the_start_is_compared),
		CASE(what_is_printed_can_be_read),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
