/* SPDX-License-Identifier: MIT */
/* zcrxd.conf: what it says, and what is said of its mistakes. */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "../../daemon/config.h"

static struct config config;
static char path[] = "/tmp/zcrxd-config-XXXXXX";
static char said[4096]; /* what went to stderr */

static int setup(void **state)
{
	(void)state;
	strcpy(path, "/tmp/zcrxd-config-XXXXXX");
	int fd = mkstemp(path);
	assert_true(fd >= 0);
	close(fd);
	return config_init(&config);
}

static int teardown(void **state)
{
	(void)state;
	config_done(&config);
	return unlink(path);
}

/* Reads the text as a configuration; what it printed is in `said`. */
static int read_text(const char *text)
{
	FILE *f = fopen(path, "we"), *err = tmpfile();
	assert_true(f && err);
	assert_true(fputs(text, f) >= 0);
	assert_int_equal(fclose(f), 0);
	fflush(stderr);
	int saved = dup(STDERR_FILENO);
	dup2(fileno(err), STDERR_FILENO);
	int r = config_read(&config, path);
	fflush(stderr);
	dup2(saved, STDERR_FILENO);
	close(saved);
	rewind(err);
	said[fread(said, 1, sizeof(said) - 1, err)] = '\0';
	fclose(err);
	return r;
}

/* The text is refused, at this line (0: without one), with these words. */
static void refused(const char *text, int line, const char *words)
{
	char where[64];
	snprintf(where, sizeof(where), line ? "%s:%d: " : "%s: ", path, line);
	assert_int_equal(read_text(text), -EINVAL);
	if (!strstr(said, where) || !strstr(said, words))
		fail_msg("said \"%s\", not \"%s...%s\"", said, where, words);
}

static void an_empty_file_leaves_the_defaults(void **state)
{
	(void)state;
	assert_int_equal(read_text(""), 0);
	assert_int_equal(read_text("# nothing\n\n; here\n[limits]\n"), 0);
	assert_string_equal(said, "");
	assert_string_equal(config.clients, "/run/zcrxd/zcrxd.sock");
	assert_string_equal(config.status, "/run/zcrxd/status.sock");
	assert_int_equal(config.mode, 0660);
	assert_null(config.group);
	assert_false(config.limits.host_flows);
	assert_int_equal(config_read(&config, "/nonexistent/zcrxd.conf"), -ENOENT);
}

static void every_key_is_read(void **state)
{
	(void)state;
	assert_int_equal(read_text("[sockets]\nclients = /a\nstatus=/b\nmode=0600\ngroup=wheel\n"
				   "[limits]\nsessions=1\nqueues=2\nflows=3\narea-bytes=4\n"
				   "requests-per-second=5\n[policy]\nhost-flows=yes\n"),
			 0);
	assert_string_equal(config.clients, "/a");
	assert_string_equal(config.status, "/b");
	assert_string_equal(config.group, "wheel");
	assert_int_equal(config.mode, 0600);
	for (int kind = 0; kind < ACCOUNT_KINDS; kind++)
		assert_int_equal(config.limits.most[kind], kind + 1);
	assert_int_equal(config.limits.requests_per_second, 5);
	assert_true(config.limits.host_flows);
	assert_int_equal(read_text("[sockets]\ngroup=\n[policy]\nhost-flows=no\n"), 0);
	assert_null(config.group);
	assert_false(config.limits.host_flows);
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
		snprintf(text, sizeof(text), "[limits]\narea-bytes=%s\n", sizes[i].text);
		assert_int_equal(read_text(text), 0);
		assert_int_equal(config.limits.most[ACCOUNT_BYTES], sizes[i].bytes);
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
	refused("[nic a-name-too-long-to-be]\nqueues=1\n", 2, "not the name of an interface");
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
		snprintf(text, sizeof(text), "# one\n[limits]\narea-bytes=%s\n", bytes[i]);
		refused(text, 3, "expected a number of bytes, with K, M, G or T");
	}
	refused("[limits]\n\nflows=1K\n", 3, "flows=1K: expected a number");
	refused("[sockets]\nmode=0888\n", 2, "expected an octal mode");
	refused("[sockets]\nmode=01777\n", 2, "expected an octal mode");
	refused("[sockets]\nmode=rw\n", 2, "expected an octal mode");
	refused("[policy]\nhost-flows=maybe\n", 2, "host-flows=maybe: expected yes or no");
}

static void unknown_keys_are_refused_with_what_is_known(void **state)
{
	(void)state;
	refused("[limits]\nsockets=3\n", 2,
		"unknown key 'sockets'; known in [limits]: sessions queues flows area-bytes "
		"requests-per-second");
	refused("[limit]\nflows=3\n", 2, "there is no section [limit]; known: [sockets] clients");
	refused("flows=3\n", 1, "unknown key 'flows'");
	refused("[limits]\nflows\n", 2, "neither [section] nor key=value");
	refused("[limits\nflows=1\n", 1, "neither [section] nor key=value");
}

static void all_mistakes_are_told_at_once(void **state)
{
	(void)state;
	refused("[limits]\nflows=a\nqueues=b\n[nonsense]\nx=y\n", 2, "flows=a");
	refused("[limits]\nflows=a\nqueues=b\n[nonsense]\nx=y\n", 3, "queues=b");
	refused("[limits]\nflows=a\nqueues=b\n[nonsense]\nx=y\n", 5, "unknown key 'x'");
}

static void values_that_make_no_sense_together_are_refused(void **state)
{
	(void)state;
	refused("[limits]\nrequests-per-second=0\n", 0, "must be at least 1");
	refused("[limits]\nrequests-per-second=1\n[sockets]\nclients=\n", 0, "must not be empty");
}

static void a_long_line_keeps_the_count(void **state)
{
	(void)state;
	char text[2048] = "# ";
	memset(text + 2, 'x', 1500);
	strcpy(text + 1502, "\n[limits]\nflows=a\n");
	refused(text, 3, "flows=a");
	refused(text + 2, 1, "the line is longer than");
}

static void what_is_printed_can_be_read(void **state)
{
	(void)state;
	char text[2048] = "", again[2048] = "";
	assert_int_equal(read_text("[sockets]\nmode=0606\ngroup=g\n[limits]\narea-bytes=5M\n"
				   "[policy]\nhost-flows=yes\n"),
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
	assert_non_null(strstr(text, "[limits]\nsessions=256\n"));
	assert_non_null(strstr(text, "area-bytes=5242880\n"));
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(an_empty_file_leaves_the_defaults),
		CASE(every_key_is_read),
		CASE(bytes_have_units),
		CASE(queues_of_nics_are_numbers_and_ranges),
		CASE(queues_that_are_none_are_refused),
		CASE(bad_values_are_refused_with_their_line),
		CASE(unknown_keys_are_refused_with_what_is_known),
		CASE(all_mistakes_are_told_at_once),
		CASE(values_that_make_no_sense_together_are_refused),
		CASE(a_long_line_keeps_the_count),
		CASE(what_is_printed_can_be_read),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
