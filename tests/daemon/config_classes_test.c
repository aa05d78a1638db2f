/* SPDX-License-Identifier: MIT */
/* Classes in zcrxd.conf: who is of them, what they may do, and the lists that say so. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "policy/sections.h"
#include "tests/daemon/config_world.h"

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

/* A class with so many items in local= and in remote=, in the file's second line and later. */
static char *of_ranges(unsigned local, unsigned remote)
{
	char *text = NULL;
	size_t len;
	FILE *f = open_memstream(&text, &len);
	assert_non_null(f);
	fputs("\n[class default]\n", f);
	for (unsigned i = 0; i < local; i++)
		fprintf(f, "local=10.0.0.1:%u\n", 1 + i);
	for (unsigned i = 0; i < remote; i++)
		fprintf(f, "remote=10.0.%u.%u\n", i / 256, i % 256);
	fclose(f);
	return text;
}

static void a_class_has_only_so_many_ranges(void **state)
{
	(void)state;
	char *most = of_ranges(POLICY_RANGES_MAX - 1, 1), words[96];
	assert_int_equal(read_text(most), 0);
	free(most);
	const unsigned locals[] = {1, POLICY_RANGES_MAX / 2, POLICY_RANGES_MAX};
	snprintf(words, sizeof(words),
		 "[class default] has %u addresses in local= and remote= together; the limit is %u",
		 POLICY_RANGES_MAX + 1, POLICY_RANGES_MAX);
	for (size_t i = 0; i < 3; i++) {
		char *more = of_ranges(locals[i], POLICY_RANGES_MAX + 1 - locals[i]);
		refused(more, 2, words);
		free(more);
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

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(classes_are_read_in_their_order),
		CASE(users_and_groups_are_names_numbers_and_ranges),
		CASE(lists_add_up_and_can_be_emptied),
		CASE(addresses_that_are_none_are_refused),
		CASE(a_class_has_only_so_many_ranges),
		CASE(a_class_may_lease_only_what_zcrxd_has),
		CASE(it_is_clear_who_is_of_a_class),
		CASE(a_section_without_keys_is_one),
		CASE(a_value_that_goes_on_is_no_section),
		CASE(only_a_list_goes_on),
		CASE(lists_are_printed_in_lines_that_can_be_read),
		CASE(receiving_only_needs_to_know_from_where),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
