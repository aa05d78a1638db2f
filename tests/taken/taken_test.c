/* SPDX-License-Identifier: MIT */
/*
 * Pumps that were taken over, under the real broker: each attack of tests/sandbox, and whatever a
 * pump may say to the broker.
 */
#include <errno.h>
#include <linux/landlock.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/size.h"
#include "daemon/grant/log_client.h"
#include "tests/hostile/world.h"
#include "tests/taken/take.h"

enum {
	AREA = 64 * 1024,
};

/* Requests and sessions are plenty: one pump for each attack. */
static const char limits[] = "[class default]\nsessions=4\nqueues=4\nareas=4\nflows=8\n"
			     "requests-per-second=100000\n";

static struct world w;
static struct attacks all;

static int64_t simply(struct taken *t, enum order_what what, uint32_t n)
{
	return taken_order(t, &(struct taken_order){.what = what, .n = n, .world = w}, NULL, 0);
}

/* A pump with a queue, and with the sockets that a client might pass. */
static void take_over(struct taken *t)
{
	int fds[FD_END - FD_TCP4];
	struct taken_order keep = {.what = ORDER_KEEP_FDS};
	raw_connect(&t->r);
	raw_queue_open(&t->q, &t->r, AREA, 0, 0);
	taken_begin(t);
	descriptors_make();
	for (int i = 0; i < FD_END - FD_TCP4; i++)
		fds[i] = FD_TCP4 + i;
	assert_int_equal(taken_order(t, &keep, fds, ARRAY_LENGTH(fds)), 0);
	for (size_t i = 0; i < ARRAY_LENGTH(fds); i++)
		close(fds[i]);
	assert_int_equal(simply(t, ORDER_RINGS, 0), 0);
}

static void drop(struct taken *t)
{
	raw_queue_drop(&t->q);
	raw_close(&t->r);
}

/* ---- what it does to others ---- */

static int landlock_abi(void)
{
	long abi = syscall(SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_CREATE_RULESET_VERSION);
	return abi < 0 ? 0 : (int)abi;
}

/*
 * What no layer denies is in docs/security.md: something on older kernels, and a command to its own
 * socket by a ring that may be one of devmem.
 */
static bool remains(const struct attack *a)
{
	if (a->by == BY_SQE && a->command)
		return true;
	return a->unseen && !a->kernel && landlock_abi() < a->landlock;
}

static void it_reaches_nothing_and_nobody(void **state)
{
	(void)state;
	int through = 0;
	for (uint32_t i = 0; i < all.n; i++) {
		struct taken t;
		const struct attack *a = &all.list[i];
		take_over(&t);
		int64_t r = simply(&t, ORDER_ATTACK, i);
		if (r >= 0)
			print_message("%s: it got through%s\n", a->name,
				      remains(a) ? ", as is known" : "");
		through += r >= 0 && !remains(a);
		drop(&t);
	}
	world_is_well();
	assert_int_equal(through, 0);
}

static void line_is(const char *text, const char *name, const char *value)
{
	const char *at = strstr(text, name);
	if (!at || strncmp(at + strlen(name), value, strlen(value)) != 0)
		fail_msg("%s is not %s: %.40s", name, value, at ? at : "(nothing)");
}

/* As the kernel sees the pump that serves the neighbour. */
static void it_has_no_capability(void **state)
{
	(void)state;
	char path[64], text[4096] = "";
	snprintf(path, sizeof(path), "/proc/%d/status", (int)w.sibling);
	FILE *f = fopen(path, "re");
	assert_non_null(f);
	size_t n = fread(text, 1, sizeof(text) - 1, f);
	fclose(f);
	assert_true(n > 0);
	for (size_t i = 0; i < 4; i++) {
		static const char *const sets[] = {"CapInh:\t", "CapPrm:\t", "CapEff:\t",
						   "CapAmb:\t"};
		line_is(text, sets[i], "0000000000000000");
	}
	line_is(text, "NoNewPrivs:\t", "1");
	line_is(text, "Seccomp:\t", "2");
}

/* It was ended for many system calls; ten lines a minute are told of that. */
static void it_writes_to_nobodys_terminal(void **state)
{
	(void)state;
	struct taken t;
	take_over(&t);
	assert_int_equal(simply(&t, ORDER_WRITE, 0), 0);
	struct taken_order o = {.what = ORDER_SEND, .n = sizeof(struct link_log)};
	o.m.as_LOG = (struct link_log){.hdr = {.size = sizeof(struct link_log), .type = LINK_LOG},
				       .cause = LOG_PUMP,
				       .line = ESCAPE "x"};
	assert_int_equal(taken_order(&t, &o, NULL, 0), 0);
	drop(&t);
	assert_int_equal(world_logged("\x1b"), 0);
	assert_in_range(world_logged("): the sandbox ended the pump: it made system call "), 1, 40);
}

/* ---- what it says to the broker ---- */

/* As many requests as are within the rate; nobody's name. */
static bool may_be_granted(uint16_t type, const union link_any *reply)
{
	return type == LINK_REQUESTS || (type == LINK_HOLDER && *reply->re_HOLDER.text == '\0');
}

static struct taken_order message(uint16_t type, uint32_t nfds, int byte)
{
	struct taken_order o = {.what = link_is_asked(type) ? ORDER_ASK : ORDER_SEND,
				.n = nfds,
				.type = type};
	memset(&o.m, byte, link_bytes(type));
	o.m.hdr = (struct msg_hdr){.type = type, .size = link_bytes(type)};
	if (o.what == ORDER_SEND)
		o.n = link_bytes(type);
	return o;
}

/*
 * Each message of a pump's, with values that no class allows. A charge is tried elsewhere: the
 * pump's own books have no such kind, and it would crash before it asks.
 */
static void what_it_asks_beyond_its_class_is_refused(void **state)
{
	(void)state;
	static const struct {
		const char *name;
		uint16_t type;
		enum link_who who;
		uint32_t nfds;
	} list[] = {
#define X(name, handler, number, request, reply, least, most, back, who, ...) \
	{#name, number, LINK_##who, least},
		LINK_TABLE(X)
#undef X
	};
	for (size_t i = 0; i < ARRAY_LENGTH(list); i++) {
		struct taken t;
		struct taken_order o = message(list[i].type, list[i].nfds, 0xff);
		if (list[i].who == LINK_BROKER_TELLS || list[i].type == LINK_CHARGE)
			continue;
		take_over(&t);
		int64_t r = taken_order(&t, &o, NULL, 0);
		if (o.what == ORDER_ASK && r == TAKEN_ENDED)
			fail_msg("%s ended the pump: was it sent at all?", list[i].name);
		if (o.what == ORDER_ASK && r >= 0 && !may_be_granted(list[i].type, &t.got.m))
			fail_msg("%s was granted", list[i].name);
		drop(&t);
	}
}

static void what_only_the_broker_says_ends_it(void **state)
{
	(void)state;
	static const uint16_t types[] = {LINK_START, LINK_CLASS, LINK_STOP, LINK_NEWS};
	for (size_t i = 0; i < ARRAY_LENGTH(types); i++) {
		struct taken t;
		struct taken_order o = {.what = ORDER_SEND, .n = link_bytes(types[i])};
		o.m.hdr = (struct msg_hdr){.type = types[i], .size = o.n};
		take_over(&t);
		if (taken_order(&t, &o, NULL, 0) != TAKEN_ENDED)
			raw_ended(&t.r);
		drop(&t);
	}
}

/* A pump of the next release may send what this broker does not know. */
static void what_nobody_knows_changes_nothing(void **state)
{
	(void)state;
	struct taken t;
	struct taken_order o = {.what = ORDER_SEND, .n = sizeof(o.m.hdr)};
	o.m.hdr = (struct msg_hdr){.type = 4711, .size = o.n};
	take_over(&t);
	for (int i = 0; i < 3; i++)
		assert_int_equal(taken_order(&t, &o, NULL, 0), 0);
	world_is_well();
	o.m.hdr.type = LINK_STOP;
	if (taken_order(&t, &o, NULL, 0) != TAKEN_ENDED)
		raw_ended(&t.r);
	drop(&t);
}

static void whoever_breaks_the_grammar_ends(void **state)
{
	(void)state;
	const struct {
		struct msg_hdr hdr;
		uint32_t n;
	} list[] = {{{.type = LINK_OVER, .size = 8}, 8},
		    {{.type = LINK_OVER, .size = 4096}, sizeof(struct link_nothing)},
		    {{.type = LINK_CHARGE, .size = sizeof(struct link_amount)},
		     sizeof(struct link_amount)}, /* asked without a serial */
		    {{.type = LINK_RELEASE, .size = sizeof(struct link_amount), .serial = 1},
		     sizeof(struct link_amount)},
		    {{.type = LINK_OVER, .size = sizeof(struct link_nothing), .nfds = 1},
		     sizeof(struct link_nothing)},
		    {{.type = LINK_OVER, .size = sizeof(struct link_nothing), .error = -1},
		     sizeof(struct link_nothing)}};
	for (size_t i = 0; i < ARRAY_LENGTH(list); i++) {
		struct taken t;
		struct taken_order o = {.what = ORDER_SEND,
					.n = list[i].n,
					.m = {.hdr = list[i].hdr}};
		take_over(&t);
		if (taken_order(&t, &o, NULL, 0) != TAKEN_ENDED)
			raw_ended(&t.r);
		drop(&t);
	}
}

/* Its class allows 4 queues, of which it has one and the neighbour another. */
static void it_is_charged_as_its_class_allows(void **state)
{
	(void)state;
	struct taken t;
	struct taken_order o = message(LINK_CHARGE, 0, 0);
	take_over(&t);
	o.m.as_CHARGE.kind = ACCOUNT_QUEUES;
	o.m.as_CHARGE.n = 3;
	assert_int_equal(taken_order(&t, &o, NULL, 0), -EDQUOT);
	o.m.as_CHARGE.n = UINT64_MAX;
	assert_true(taken_order(&t, &o, NULL, 0) < 0);
	o.m.as_CHARGE.n = 2;
	assert_int_equal(taken_order(&t, &o, NULL, 0), 0);
	o.m.as_CHARGE.n = 1;
	assert_int_equal(taken_order(&t, &o, NULL, 0), -EDQUOT);
	o.m.as_CHARGE.kind = ACCOUNT_SESSIONS;
	assert_int_equal(taken_order(&t, &o, NULL, 0), -EINVAL);
	drop(&t);
}

/* The pump's books have no such kind, so the message goes past them, and so does the answer. */
static void no_kind_but_those_there_are_is_charged(void **state)
{
	(void)state;
	const uint32_t kinds[] = {ACCOUNT_KINDS, UINT32_MAX};
	struct taken t;
	take_over(&t);
	for (size_t i = 0; i < ARRAY_LENGTH(kinds); i++) {
		struct taken_order o = {.what = ORDER_SEND, .n = sizeof(struct link_amount)};
		o.m.as_CHARGE = (struct link_amount){.hdr = {.type = LINK_CHARGE,
							     .size = sizeof(struct link_amount),
							     .serial = UINT32_MAX},
						     .kind = kinds[i],
						     .n = 1};
		assert_int_equal(taken_order(&t, &o, NULL, 0), 0);
		o = message(LINK_CHARGE, 0, 0);
		o.m.as_CHARGE.kind = ACCOUNT_QUEUES;
		o.m.as_CHARGE.n = 3;
		assert_int_equal(taken_order(&t, &o, NULL, 0), -EDQUOT);
	}
	world_is_well();
	drop(&t);
}

static uint64_t limit_of(pid_t pid, int which)
{
	struct rlimit limit;
	assert_int_equal(prlimit(pid, which, NULL, &limit), 0);
	return limit.rlim_cur;
}

/* The neighbour's pump, w.sibling, is of the same class. */
static void the_kernel_lets_it_have_what_its_class_admits(void **state)
{
	(void)state;
	struct taken t;
	uint64_t fds = limit_of(w.sibling, RLIMIT_NOFILE), bytes = limit_of(w.sibling, RLIMIT_AS);
	assert_true(fds < limit_of(w.parent, RLIMIT_NOFILE));
	assert_true(bytes < limit_of(w.parent, RLIMIT_AS));
	take_over(&t);
	assert_int_equal(simply(&t, ORDER_OPEN, 0), fds - 1);
	int64_t mapped = simply(&t, ORDER_MAP, 0);
	assert_in_range(mapped, bytes / 2, bytes);
	world_is_well();
	drop(&t);
}

static int setup(void **state)
{
	(void)state;
	pid_t pumps[8];
	world_servers(&w);
	world_start(limits);
	assert_int_equal(harness_daemon_processes(&zcrxd, pumps, 8), 2);
	w.parent = pumps[0];
	w.sibling = pumps[1];
	attacks_all(&all, &w);
	return 0;
}

static int teardown(void **state)
{
	world_teardown(state);
	world_end(&w);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		WORLD_CASE(it_reaches_nothing_and_nobody),
		WORLD_CASE(it_writes_to_nobodys_terminal),
		WORLD_CASE(it_has_no_capability),
		WORLD_CASE(what_it_asks_beyond_its_class_is_refused),
		WORLD_CASE(what_only_the_broker_says_ends_it),
		WORLD_CASE(what_nobody_knows_changes_nothing),
		WORLD_CASE(whoever_breaks_the_grammar_ends),
		WORLD_CASE(it_is_charged_as_its_class_allows),
		WORLD_CASE(no_kind_but_those_there_are_is_charged),
		WORLD_CASE(the_kernel_lets_it_have_what_its_class_admits),
	};
	return cmocka_run_group_tests(tests, setup, teardown);
}
