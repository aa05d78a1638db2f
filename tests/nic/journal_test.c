/* SPDX-License-Identifier: MIT */
/* The journal: what it keeps, and when it is not to be used. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "nic/before.h"
#include "nic/change.h"
#include "nic/ready.h"
#include "nic/restore.h"
#include "nic/rule_notes.h"

#define NIC  "lo" /* it is everywhere, and nothing of it is changed here */
#define BOOT "\"00000000-0000-0000-0000-000000000000\""
#define GONE "zcrx-gone0"

static char dir[] = "/tmp/zcrx-journal.XXXXXX", said[1000];
static uint32_t rss[] = {0, 1, 0, 1}, queues[] = {2, 5};

static void say(bool trouble, const char *line)
{
	(void)trouble;
	snprintf(said, sizeof(said), "%s", line);
}

static struct nic_before before(const char *name)
{
	struct nic_before b = {.split = NIC_SPLIT_OFF,
			       .threshold = 256,
			       .rss = rss,
			       .rss_entries = 4,
			       .queues = {queues, 2},
			       .card = {.ifindex = 7, .address = "02:00:00:00:00:07"}};
	snprintf(b.name, sizeof(b.name), "%s", name);
	assert_int_equal(journal_boot(b.boot), 0);
	if (strcmp(name, NIC) == 0)
		assert_int_equal(nic_card_get(&b.card, name), 0);
	return b;
}

static bool there_is(const char *file)
{
	char path[200];
	snprintf(path, sizeof(path), "%s/%s", dir, file);
	return access(path, F_OK) == 0;
}

static void put(const char *text)
{
	char path[200];
	snprintf(path, sizeof(path), "%s/nic-" NIC ".json", dir);
	FILE *f = fopen(path, "we");
	assert_non_null(f);
	fputs(text, f);
	fclose(f);
}

static int setup(void **state)
{
	(void)state;
	return mkdtemp(dir) ? 0 : -1;
}

/* After each: no journal is left, and nothing set aside. */
static int clean(void **state)
{
	char command[100];
	(void)state;
	*said = '\0';
	snprintf(command, sizeof(command), "rm -f %s/*", dir);
	return system(command);
}

static int teardown(void **state)
{
	(void)state;
	return rmdir(dir);
}

static void what_is_written_is_read(void **state)
{
	(void)state;
	char why[FIELDS_WHY_BYTES];
	struct nic_before b = before(NIC), got;
	assert_int_equal(journal_write(dir, &b), 0);
	assert_int_equal(journal_read(dir, NIC, &got, why), 0);
	char *written = nic_before_print(&b), *read_back = nic_before_print(&got);
	assert_string_equal(written, read_back);
	assert_string_equal(got.name, NIC);
	assert_true(nic_card_same(&b.card, &got.card));
	free(written);
	free(read_back);
	nic_before_done(&got);
	assert_int_equal(journal_remove(dir, NIC), 0);
	assert_int_equal(journal_read(dir, NIC, &got, why), -ENOENT);
	assert_false(there_is("nic-" NIC ".json.new"));
}

static void one_of_another_boot_is_only_reported(void **state)
{
	(void)state;
	struct nic_before b = before(NIC);
	b.boot[0] = b.boot[0] == '0' ? '1' : '0';
	assert_int_equal(journal_write(dir, &b), 0);
	assert_int_equal(nic_put_back_all(dir, say), 0);
	assert_non_null(strstr(said, "earlier boot"));
	assert_false(there_is("nic-" NIC ".json"));
	assert_true(there_is("nic-" NIC ".json.1"));
}

static void one_of_another_card_is_not_applied(void **state)
{
	(void)state;
	struct nic_before b = before(NIC);
	snprintf(b.card.bus_device, sizeof(b.card.bus_device), "0000:17:00.0");
	for (int i = 1; i <= 11; i++) {
		assert_int_equal(journal_write(dir, &b), 0);
		assert_int_equal(nic_put_back(dir, NIC, say), -ESTALE);
		assert_non_null(strstr(said, "another card"));
		assert_non_null(strstr(said, "0000:17:00.0"));
		assert_false(there_is("nic-" NIC ".json"));
	}
	assert_true(there_is("nic-" NIC ".json.9"));
	assert_false(there_is("nic-" NIC ".json.10"));
}

static void one_of_a_card_that_is_gone_stays(void **state)
{
	(void)state;
	struct nic_before b = before(GONE);
	assert_int_equal(journal_write(dir, &b), 0);
	assert_int_equal(nic_put_back(dir, GONE, say), -ENODEV);
	assert_non_null(strstr(said, "is gone"));
	assert_true(there_is("nic-" GONE ".json"));
}

static void one_that_makes_no_sense_is_kept_aside(void **state)
{
	(void)state;
	static const struct {
		const char *text, *why;
	} wrong[] = {
		{"", "no JSON object"},
		{"{\"split\":1000000000,\"threshold\":0,\"ntuple\":false,\"rss\":null,\"queues\":[0]}",
		 "format is missing"},
		{"{\"format\":1}", "format is not 2"},
		{"{\"format\":2,\"boot\":" BOOT ",\"ifindex\":-4}",
		 "ifindex has what is no number from 1"},
		{"{\"format\":2,\"boot\":" BOOT ",\"ifindex\":4,\"device\":\"\",\"address\":\"\","
		 "\"split\":1000000000}",
		 "split has what is no number from 0 to 2"},
		{"{\"format\":2,\"boot\":" BOOT ",\"ifindex\":4,\"device\":\"\",\"address\":\"\","
		 "\"split\":1,\"threshold\":0,\"ntuple\":false,\"rss\":null,\"queues\":[16384]}",
		 "queues has what is no number from 0 to 16383"},
	};
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		put(wrong[i].text);
		assert_int_equal(nic_put_back_all(dir, say), 1);
		assert_non_null(strstr(said, wrong[i].why));
		assert_false(there_is("nic-" NIC ".json"));
		assert_true(there_is("nic-" NIC ".json.1"));
	}
}

static struct nic_rule rule(uint16_t port, uint32_t to)
{
	struct nic_rule r = {.family = 2, .local = {192, 0, 2, 1}, .local_port = port, .queue = to};
	return r;
}

static void rules_read(struct nic_before *ret)
{
	char why[FIELDS_WHY_BYTES] = "";
	assert_int_equal(journal_read(dir, NIC, ret, why), 0);
}

/* At any moment the journal has all rules that are set or about to be set. */
static void rules_are_noted_and_struck(void **state)
{
	(void)state;
	struct nic_before b = before(NIC), got;
	struct rule_notes notes;
	struct rule_note note[3], late;
	rule_notes_init(&notes);
	assert_int_equal(rule_notes_open(&notes, dir, NIC), -ENOENT);
	assert_int_equal(journal_write(dir, &b), 0);
	assert_int_equal(rule_notes_open(&notes, dir, NIC), 0);
	for (uint16_t i = 0; i < 3; i++) {
		struct nic_rule r = rule(i + 1, queues[i % 2]);
		r.remote_port = i;
		r.remote[0] = (uint8_t)i;
		assert_int_equal(rule_notes_add(&notes, &r, &note[i]), 0);
		rules_read(&got);
		assert_int_equal(got.n_rules, i + 1);
		assert_memory_equal(&got.rules[i], &r, sizeof(r));
		nic_before_done(&got);
	}
	rule_notes_strike(&notes, note[1]);
	rules_read(&got);
	assert_int_equal(got.n_rules, 2);
	assert_int_equal(got.rules[1].local_port, 3);
	nic_before_done(&got);
	struct nic_rule again = rule(9, queues[0]);
	assert_int_equal(rule_notes_add(&notes, &again, &late), 0);
	assert_int_equal(late.line, note[1].line);

	/* A journal that begins anew has no rules, and notes of the former one are none. */
	assert_int_equal(rule_notes_open(&notes, dir, NIC), 0);
	rules_read(&got);
	assert_int_equal(got.n_rules, 0);
	nic_before_done(&got);
	assert_int_equal(rule_notes_add(&notes, &again, &late), 0);
	rule_notes_strike(&notes, note[0]);
	rules_read(&got);
	assert_int_equal(got.n_rules, 1);
	nic_before_done(&got);
	rule_notes_done(&notes);
}

/* The administrator gave zcrxd further queues, and the NIC was not put back before. */
static void one_that_is_older_learns_of_further_queues(void **state)
{
	(void)state;
	char why[NIC_SENTENCE_BYTES] = "";
	uint32_t more[] = {3, 5};
	struct nic_before older = before(NIC), now = before(NIC), got;
	struct rule_notes notes;
	struct rule_note note;
	now.queues.ids = more;
	now.split = NIC_SPLIT_ON;
	now.threshold = 0;
	assert_int_equal(journal_write(dir, &older), 0);
	assert_int_equal(nic_journal_begin(dir, &now, say, why), 0);
	rule_notes_init(&notes);
	assert_int_equal(rule_notes_open(&notes, dir, NIC), 0);
	struct nic_rule to_the_new_one = rule(9, more[0]);
	assert_int_equal(rule_notes_add(&notes, &to_the_new_one, &note), 0);
	rule_notes_done(&notes);
	rules_read(&got);
	assert_int_equal(got.split, NIC_SPLIT_OFF);
	assert_int_equal(got.threshold, 256);
	assert_int_equal(got.queues.n, 3);
	assert_int_equal(got.queues.ids[1], more[0]);
	assert_int_equal(got.n_rules, 1);
	nic_before_done(&got);
}

static void a_card_is_known_by_its_place_and_address(void **state)
{
	(void)state;
	static const struct {
		struct nic_card a, b;
		bool same;
	} cards[] = {
		{{3, "0000:17:00.0", "02:01"}, {3, "0000:17:00.0", "02:01"}, true},
		{{3, "0000:17:00.0", "02:01"}, {9, "0000:17:00.0", "02:01"}, true},
		{{3, "0000:17:00.0", "02:01"}, {3, "0000:17:00.0", "02:02"}, true},
		{{3, "0000:17:00.0", "02:01"}, {9, "0000:17:00.0", "02:02"}, false},
		{{3, "0000:17:00.0", "02:01"}, {3, "0000:18:00.0", "02:01"}, false},
		{{3, "", "02:01"}, {9, "", "02:01"}, true},
		{{3, "", "02:01"}, {3, "", "02:02"}, false},
		{{3, "", ""}, {3, "", ""}, true},
		{{3, "", ""}, {4, "", ""}, false},
		{{3, "", ""}, {3, "", "02:01"}, false},
	};
	for (size_t i = 0; i < sizeof(cards) / sizeof(cards[0]); i++)
		assert_int_equal(nic_card_same(&cards[i].a, &cards[i].b), cards[i].same);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(what_is_written_is_read, clean),
		cmocka_unit_test_teardown(one_of_another_boot_is_only_reported, clean),
		cmocka_unit_test_teardown(one_of_another_card_is_not_applied, clean),
		cmocka_unit_test_teardown(one_of_a_card_that_is_gone_stays, clean),
		cmocka_unit_test_teardown(one_that_makes_no_sense_is_kept_aside, clean),
		cmocka_unit_test_teardown(rules_are_noted_and_struck, clean),
		cmocka_unit_test_teardown(one_that_is_older_learns_of_further_queues, clean),
		cmocka_unit_test(a_card_is_known_by_its_place_and_address),
	};
	return cmocka_run_group_tests(tests, setup, teardown);
}
