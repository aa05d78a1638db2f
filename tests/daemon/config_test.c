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

#include "nic/holes.h"
#include "policy/config_file.h"
#include "policy/sections.h"

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

static const struct policy_class *rest(void)
{
	return policy_class_find(&config.policy, POLICY_DEFAULT);
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
	config_done(&config);
	assert_int_equal(config_init(&config), 0);
	snprintf(where, sizeof(where), line ? "%s:%d: " : "%s: ", path, line);
	assert_int_equal(read_text(text), -EINVAL);
	if (!strstr(said, where) || !strstr(said, words))
		fail_msg("said \"%s\", not \"%s...%s\"", said, where, words);
}

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
				   "leases-per-minute=9\n"
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

static void a_nic_lingers_as_long_as_it_is_told(void **state)
{
	(void)state;
	assert_int_equal(read_text("[nic a]\nqueues=1\n[nic b]\nlinger-seconds=0\nqueues=1\n"), 0);
	assert_int_equal(config.nics->linger_seconds, 30);
	assert_int_equal(config.nics->next->linger_seconds, 0);
	refused("[nic a]\nqueues=1\nlinger-seconds=soon\n", 3, "expected a number");
	refused("[nic a]\nqueues=1\nlinger-seconds=86401\n", 1, "at most 86400");
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
		"listeners requests-per-second leases-per-minute most-users");
	refused("[limit]\nflows=3\n", 1,
		"there is no section [limit]; known: [sockets] [zcrx] [class NAME] [nic NAME]");
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
	refused("[class default]\nrequests-per-second=0\n", 1, "must be at least 1");
	refused("[class default]\nleases-per-minute=0\n", 1, "must be at least 1");
	refused("\n[class default]\nmost-users=0\n", 2, "must be at least 1");
	refused("[sockets]\nclients=\n", 0, "must not be empty");
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

static void classes_are_read_in_their_order(void **state)
{
	(void)state;
	assert_int_equal(read_text("[class b]\nusers=0\n[class a]\nsocket=/a\nmode=0666\n"
				   "[class default]\nqueues=1\n[class b]\nqueues=2\n"),
			 0);
	const struct policy_class *c = config.policy.classes;
	assert_string_equal(c->name, "default");
	assert_int_equal(c->limits.most[ACCOUNT_QUEUES], 1);
	c = c->next;
	assert_string_equal(c->name, "b");
	assert_int_equal(c->limits.most[ACCOUNT_QUEUES], 2);
	c = c->next;
	assert_string_equal(c->name, "a");
	assert_string_equal(c->socket, "/a");
	assert_int_equal(c->mode, 0666);
	assert_null(c->next);
}

static void users_and_groups_are_names_numbers_and_ranges(void **state)
{
	(void)state;
	assert_int_equal(read_text("[class a]\nusers=root 5-7\nusers=9\ngroups=root 4294967294\n"),
			 0);
	const struct policy_class *c = policy_class_find(&config.policy, "a");
	const uint32_t in[] = {0, 5, 6, 7, 9}, out[] = {1, 4, 8, 10, UINT32_MAX};
	for (size_t i = 0; i < 5; i++) {
		assert_true(policy_ids_have(&c->users, in[i]));
		assert_false(policy_ids_have(&c->users, out[i]));
	}
	assert_true(policy_ids_have(&c->groups, 0));
	assert_true(policy_ids_have(&c->groups, 4294967294));
	refused("[class a]\nusers=no-such-user-here\n", 2, "there is no such user");
	refused("[class a]\ngroups=no-such-group-here\n", 2, "there is no such group");
	refused("[class a]\nusers=4294967295\n", 2, "there is no such user");
	refused("[class a]\nusers=7-5\n", 2, "there is no such user");
}

static void lists_add_up_and_can_be_emptied(void **state)
{
	(void)state;
	assert_int_equal(read_text("[class a]\nusers=1\nusers=2\nlocal=*:5\nlocal=*:6\n"), 0);
	const struct policy_class *c = policy_class_find(&config.policy, "a");
	assert_int_equal(c->users.n, 2);
	assert_int_equal(c->local.n, 2); /* without the default */
	assert_int_equal(c->remote.n, 1);
	assert_int_equal(read_text("[class a]\nlocal=\nremote=\nusers=\nusers=3\n"), 0);
	assert_int_equal(c->users.n, 1);
	assert_int_equal(c->local.n, 0);
	assert_int_equal(c->remote.n, 0);
}

static void addresses_that_are_none_are_refused(void **state)
{
	(void)state;
	const char *const values[] = {"x",           "1.2.3",   "1.2.3.4/33", "::/129",
				      "1.2.3.4:",    "*:65536", "*:2-1",      "[::1",
				      "[::1]80",     "[::1]:",  "10.0/8",     "1.2.3.4/-1",
				      "1.2.3.4/8-9", "*/0",     "1.2.3.4:1-"};
	char text[64];
	for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++) {
		snprintf(text, sizeof(text), "[class default]\nlocal=%s\n", values[i]);
		refused(text, 2, "expected addresses");
	}
}

static void a_class_may_lease_only_what_zcrxd_has(void **state)
{
	(void)state;
	assert_int_equal(read_text("[class default]\nnics=e f:1,2-3\n[nic e]\nqueues=1\n"
				   "[nic f]\nqueues=1-3\n"),
			 0);
	refused("[nic e]\nqueues=1\n\n[class a]\nusers=0\nnics=e:1-2\n", 4,
		"[class a] nics=e: queue 2 is not one of [nic e]");
	refused("[class a]\nusers=0\nnics=g\n", 1, "there is no [nic g]");
	refused("[class default]\nnics=e:\n", 2, "expected interfaces");
	refused("[class default]\nnics=e:1-\n", 2, "expected interfaces");
	refused("[class default]\nnics=:1\n", 2, "expected interfaces");
}

static void it_is_clear_who_is_of_a_class(void **state)
{
	(void)state;
	refused("[class a]\nqueues=1\n", 1, "[class a] needs either socket=, or users=");
	refused("[class a]\nsocket=/a\nusers=0\n", 1, "[class a] needs either");
	refused("[class default]\nsocket=/a\n", 1, "no socket, users or groups");
	refused("[class default]\ngroup=a\n", 1, "group= is of a socket");
	refused("[class a]\nsocket=/s\n[class b]\nsocket=/s\n", 3, "this is [class a]'s");
	refused("[class a]\nsocket=/run/zcrxd/status.sock\n", 1, "this is one of [sockets]");
	refused("[class clients]\nusers=0\n", 1, "neither clients nor status");
	refused("[class a b]\nusers=0\n", 1, "a name has");
	refused("[class 0123456789012345678901234567890x]\nusers=0\n", 1, "a name has");
}

static void a_section_without_keys_is_one(void **state)
{
	(void)state;
	refused("[class a]\n", 1, "[class a] needs either socket=, or users=");
	refused("\n\n  [class a] ; none\n# end", 3, "[class a] needs either");
	refused("[class a]\n[class b]\nusers=0\n", 1, "[class a] needs either");
	refused("[class a]\nusers=0\n[class b]", 3, "[class b] needs either");
	refused("[class default]\n[nonsense]\n", 2, "there is no section [nonsense]");
	refused("[class a b]\n[class default]\n", 1, "a name has");
	refused("\xef\xbb\xbf[class a]\n", 1, "[class a] needs either");
	refused("[nic e]\n", 1, "[nic e] needs queues=");
	char longest[256] = "[class default]\n[class ";
	memset(longest + strlen(longest), 'x', 180);
	strcat(longest, "]\nqueues=1\n");
	refused(longest, 2, "a name has");
	config_done(&config);
	assert_int_equal(config_init(&config), 0);
	assert_int_equal(read_text("[class default]\n[sockets]\n[class a]\n[class a]\nusers=0\n"),
			 0);
	assert_non_null(policy_class_find(&config.policy, "a"));
	assert_null(policy_class_find(&config.policy, "a")->next);
}

static void a_value_that_goes_on_is_no_section(void **state)
{
	(void)state;
	assert_int_equal(read_text("[class a]\nusers=0\nremote=10.0.0.0/8\n [fd00::/8]:443\n"
				   "  [fd01::/16]:1\n  *:7\n"),
			 0);
	assert_int_equal(policy_class_find(&config.policy, "a")->remote.n, 4);
	refused("[class a]\nusers=0\nremote=10.0.0.0/8\n [class b]\n", 4, "expected addresses");
}

static void only_a_list_goes_on(void **state)
{
	(void)state;
	refused("[class a]\nusers=0\nflows=1\n queues=2\n", 4, "'queues=2' goes on with the value");
	refused("[sockets]\ngroup=a\n\n\tb\n", 4, "goes on with the value of group");
	refused("[nic e]\nqueues=1\n 2\n", 3, "goes on with the value of queues");
	config_done(&config);
	assert_int_equal(config_init(&config), 0);
	assert_int_equal(read_text(" [sockets]\n group=a\n [class b]\n users=0\n"), -EINVAL);
	config_done(&config);
	assert_int_equal(config_init(&config), 0);
	assert_int_equal(read_text("[class a]\nusers=0\n[sockets]\n group=a\n"), 0);
	assert_string_equal(config.group, "a");
}

/* A list that was one indented line of the file is too long to be printed on the line of its key.
 */
static void lists_are_printed_in_lines_that_can_be_read(void **state)
{
	(void)state;
	char text[512] = "[nic e]\nqueues=1-99\n[class a]\nusers=0\nnics=\n e:1", *printed;
	for (int i = 10; i < 74; i++)
		snprintf(text + strlen(text), sizeof(text) - strlen(text), ",%d", i);
	strcat(text, "\n");
	assert_true(strlen(strrchr(text, 'e')) > 190);
	assert_int_equal(read_text(text), 0);
	size_t len;
	FILE *f = open_memstream(&printed, &len);
	config_print(&config, f);
	fclose(f);
	config_done(&config);
	assert_int_equal(config_init(&config), 0);
	assert_int_equal(read_text(printed), 0);
	free(printed);
	const struct policy_nics *nics = &policy_class_find(&config.policy, "a")->nics;
	assert_int_equal(nics->n, 1);
	assert_int_equal(nics->nics[0].queues.n, 65);
	assert_int_equal(nics->nics[0].queues.spans[64].first, 73);
}

static void receiving_only_needs_to_know_from_where(void **state)
{
	(void)state;
	refused("[class default]\nhost-flows=receive-only\n", 1, "needs remote=");
	config_done(&config);
	assert_int_equal(config_init(&config), 0);
	assert_int_equal(read_text("[class default]\nhost-flows=receive-only\nremote=10.0.0.0/8\n"),
			 0);
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

#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(an_empty_file_leaves_the_defaults),
		CASE(a_file_that_was_named_has_to_be_there),
		CASE(every_key_is_read),
		CASE(holes_that_this_kernel_has_not_are_named),
		CASE(bytes_have_units),
		CASE(queues_of_nics_are_numbers_and_ranges),
		CASE(a_nic_lingers_as_long_as_it_is_told),
		CASE(queues_that_are_none_are_refused),
		CASE(bad_values_are_refused_with_their_line),
		CASE(unknown_keys_are_refused_with_what_is_known),
		CASE(all_mistakes_are_told_at_once),
		CASE(values_that_make_no_sense_together_are_refused),
		CASE(a_long_line_keeps_the_count),
		CASE(classes_are_read_in_their_order),
		CASE(users_and_groups_are_names_numbers_and_ranges),
		CASE(lists_add_up_and_can_be_emptied),
		CASE(addresses_that_are_none_are_refused),
		CASE(a_class_may_lease_only_what_zcrxd_has),
		CASE(it_is_clear_who_is_of_a_class),
		CASE(a_section_without_keys_is_one),
		CASE(a_value_that_goes_on_is_no_section),
		CASE(only_a_list_goes_on),
		CASE(lists_are_printed_in_lines_that_can_be_read),
		CASE(receiving_only_needs_to_know_from_where),
		CASE(what_holds_from_the_start_is_compared),
		CASE(what_is_printed_can_be_read),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
