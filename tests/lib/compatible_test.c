/* SPDX-License-Identifier: MIT */
/* Protocol and library are still what programs that were built before rely on: compatible.h. */
#include <dlfcn.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>
#include <zcrx.h>

#include "base/size.h"
#include "proto/flow_id.h"
#include "proto/msg.h"
#include "proto/reason.h"
#include "proto/ring.h"
#include "tests/lib/compatible.h"

static const char what_to_do[] =
	"Programs that were built before would break. The protocol is normative "
	"(docs/protocol.md): numbers stay, structs only grow at their end. So does libzcrx's "
	"interface. What was added on purpose gets its line in tests/lib/compatible.h.";

/* ---- structs and numbers ---- */

struct number {
	const char *name;
	uint64_t now, before;
};

static void compare(const struct number *all, size_t n)
{
	int differ = 0;
	for (size_t i = 0; i < n; i++) {
		if (all[i].now == all[i].before)
			continue;
		print_error("%s: %ju, was %ju\n", all[i].name, (uintmax_t)all[i].now,
			    (uintmax_t)all[i].before);
		differ++;
	}
	if (differ)
		fail_msg("%s", what_to_do);
}

static void structs_are_as_before(void **state)
{
	static const struct number all[] = {
#define STRUCT(name, bytes) {"bytes of " #name, sizeof(struct name), bytes},
#define FIELD(name, field, at, bytes)                                     \
	{"place of " #name "." #field, offsetof(struct name, field), at}, \
		{"bytes of " #name "." #field, sizeof(((struct name *)NULL)->field), bytes},
		COMPATIBLE_STRUCTS(STRUCT, FIELD)};
	(void)state;
	compare(all, ARRAY_LENGTH(all));
}

static void numbers_are_as_before(void **state)
{
	static const struct number all[] = {
#define NUMBER(name, value) {#name, name, value},
		COMPATIBLE_NUMBERS(NUMBER)};
	(void)state;
	compare(all, ARRAY_LENGTH(all));
}

/* ---- tables ---- */

/* Each line of before has to be there; one that is new has to be added. */
static void compare_lines(const char *const *now, size_t n_now, const char *const *before,
			  size_t n_before)
{
	size_t differ = n_now > n_before ? n_now - n_before : 0;
	for (size_t i = 0; i < n_before; i++) {
		size_t at = 0;
		while (at < n_now && strcmp(now[at], before[i]) != 0)
			at++;
		if (at == n_now) {
			print_error("not there any more: %s\n", before[i]);
			differ++;
		}
	}
	if (differ)
		fail_msg("%zu lines, were %zu. %s", n_now, n_before, what_to_do);
}

#define LINE(...) #__VA_ARGS__,

static void messages_are_as_before(void **state)
{
	static const char *const now[] = {MSG_REQUESTS(LINE) MSG_EVENTS(LINE)};
	static const char *const before[] = {COMPATIBLE_MESSAGES(LINE)};
	(void)state;
	compare_lines(now, ARRAY_LENGTH(now), before, ARRAY_LENGTH(before));
}

static void reasons_are_as_before(void **state)
{
#define X(name, number, error, text) #name ", " #number ", " #error,
	static const char *const now[] = {REASON_TABLE(X)};
#undef X
	static const char *const before[] = {COMPATIBLE_REASONS(LINE)};
	(void)state;
	compare_lines(now, ARRAY_LENGTH(now), before, ARRAY_LENGTH(before));
}

/* ---- functions ---- */

#define FUNCTION(type, name, arguments)                                                \
	_Static_assert(__builtin_types_compatible_p(__typeof__(name), type arguments), \
		       #name " takes or returns something else than before");
COMPATIBLE_FUNCTIONS(FUNCTION)
#undef FUNCTION

static const char *const functions[] = {
#define FUNCTION(type, name, arguments) #name,
	COMPATIBLE_FUNCTIONS(FUNCTION)
#undef FUNCTION
};

static void the_library_has_its_functions(void **state)
{
	(void)state;
	assert_string_equal(strrchr(COMPATIBLE_LIBRARY, '/'), "/libzcrx.so.0");
	void *library = dlopen(COMPATIBLE_LIBRARY, RTLD_NOW);
	if (!library)
		fail_msg("%s", dlerror()); /* NOLINT(concurrency-mt-unsafe): there is one thread */
	for (size_t i = 0; i < ARRAY_LENGTH(functions); i++)
		if (!dlvsym(library, functions[i], "ZCRX_0"))
			fail_msg("%s is exported no more. %s", functions[i], what_to_do);
	dlclose(library);
}

static bool is_known(const char *function)
{
	for (size_t i = 0; i < ARRAY_LENGTH(functions); i++)
		if (strcmp(functions[i], function) == 0)
			return true;
	return false;
}

static void all_its_functions_are_known_here(void **state)
{
	char line[100], name[64];
	FILE *map = fopen(COMPATIBLE_MAP, "re");
	(void)state;
	assert_non_null(map);
	while (fgets(line, sizeof(line), map))
		if (sscanf(line, " %63[a-z_];", name) == 1 && strncmp(name, "zcrx_", 5) == 0 &&
		    !is_known(name))
			fail_msg("%s is new. %s", name, what_to_do);
	fclose(map);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(structs_are_as_before),
		cmocka_unit_test(numbers_are_as_before),
		cmocka_unit_test(messages_are_as_before),
		cmocka_unit_test(reasons_are_as_before),
		cmocka_unit_test(the_library_has_its_functions),
		cmocka_unit_test(all_its_functions_are_known_here),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
