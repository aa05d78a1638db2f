/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "proto/msg.h"
#include "proto/reason.h"

static const struct {
	uint32_t number;
	int error;
	const char *name, *text;
} table[] = {
#define X(name, number, error, text) {number, -(error), #name, text},
	REASON_TABLE(X)
#undef X
};

enum {
	COUNT = sizeof(table) / sizeof(table[0])
};

static void every_reason_has_its_errno_name_and_sentence(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT; i++) {
		assert_int_equal(reason_error(table[i].number), table[i].error);
		assert_string_equal(reason_name(table[i].number), table[i].name);
		assert_string_equal(reason_text(table[i].number), table[i].text);
	}
}

static void every_sentence_fits_a_refusal_and_ends(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT; i++) {
		size_t len = strlen(table[i].text);
		assert_in_range(len, 10, sizeof(((struct msg_fail *)0)->text) - 1);
		assert_int_equal(table[i].text[len - 1], '.');
	}
}

static void numbers_are_never_shared(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT; i++)
		for (size_t j = 0; j < i; j++)
			assert_int_not_equal(table[i].number, table[j].number);
}

static void a_reason_from_the_future_is_no_error(void **state)
{
	(void)state;
	const uint32_t unknown[] = {REASON_NONE, table[COUNT - 1].number + 1, 1000, UINT32_MAX};
	for (size_t i = 0; i < sizeof(unknown) / sizeof(unknown[0]); i++) {
		assert_int_equal(reason_error(unknown[i]), 0);
		assert_string_equal(reason_text(unknown[i]), "");
		assert_string_equal(reason_name(unknown[i]), "none");
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_reason_has_its_errno_name_and_sentence),
		cmocka_unit_test(every_sentence_fits_a_refusal_and_ends),
		cmocka_unit_test(numbers_are_never_shared),
		cmocka_unit_test(a_reason_from_the_future_is_no_error),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
