/* SPDX-License-Identifier: MIT */
/* Names and numbers of the backends. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "proto/backend.h"

static void each_is_found_by_its_name(void **state)
{
	(void)state;
	uint32_t all = 0;
	for (uint32_t number = 0; number < 40; number++) {
		if (!backend_bit(number)) {
			assert_string_equal(backend_name(number), "unknown");
			continue;
		}
		assert_int_equal(backend_find(backend_name(number)), number);
		assert_non_null(strstr(BACKEND_NAMES, backend_name(number)));
		all |= backend_bit(number);
	}
	assert_int_equal(all, BACKENDS_ALL);
	assert_int_equal(BACKENDS_ALL, BACKENDS_LEASED | BACKEND_BIT_COPY);
}

static void nothing_else_is_found(void **state)
{
	(void)state;
	const char *const names[] = {"",    "auto",  "unknown", "COPY",
				     "cop", "copyy", " copy",   "copy devmem"};
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		assert_int_equal(backend_find(names[i]), MSG_BACKEND_AUTO);
	assert_string_equal(backend_name(UINT32_MAX), "unknown");
	assert_int_equal(backend_bit(UINT32_MAX), 0);
}

static void sets_are_named_from_the_best_and_cut(void **state)
{
	(void)state;
	char names[32];
	backend_names(BACKENDS_ALL, ", ", names, sizeof(names));
	assert_string_equal(names, "zcrx, devmem, copy");
	backend_names(BACKEND_BIT_COPY, ", ", names, sizeof(names));
	assert_string_equal(names, "copy");
	backend_names(0, ", ", names, sizeof(names));
	assert_string_equal(names, "");
	for (size_t bytes = 1; bytes < sizeof(names); bytes++) {
		memset(names, 'x', sizeof(names));
		backend_names(BACKENDS_ALL, " ", names, bytes);
		assert_true(strlen(names) < bytes);
		assert_memory_equal(names, "zcrx devmem copy", strlen(names));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_is_found_by_its_name),
		cmocka_unit_test(nothing_else_is_found),
		cmocka_unit_test(sets_are_named_from_the_best_and_cut),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
