/* SPDX-License-Identifier: MIT */
/* Versions as kernels say them, and which of them have which holes. */
#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "nic/holes.h"

static void versions_are_read_as_kernels_say_them(void **state)
{
	(void)state;
	static const struct {
		const char *release;
		struct kernel_version is;
	} cases[] = {
		{"6.18.15-2-amd64", {6, 18, 15, UINT_MAX}},
		{"6.19.0-rc3", {6, 19, 0, 3}},
		{"6.19.0-rc3-00012-gabcdef", {6, 19, 0, 3}},
		{"7.0-rc12-amd64", {7, 0, 0, 12}},
		{"7.2.12+deb14-amd64", {7, 2, 12, UINT_MAX}},
		{"6.17.0-14-generic", {6, 17, 0, UINT_MAX}},
		{"6.12.0-124.8.1.el10_1.x86_64", {6, 12, 0, UINT_MAX}},
		{"6.18.44", {6, 18, 44, UINT_MAX}},
		{"7.3", {7, 3, 0, UINT_MAX}},
		{"6.18-local", {6, 18, 0, UINT_MAX}},
		{"6.18.15-rcx", {6, 18, 15, UINT_MAX}},
		{"6.+5", {6, 0, 0, UINT_MAX}},
		{"99999999999999999999.1", {UINT_MAX - 1, 1, 0, UINT_MAX}},
		{"", {0, 0, 0, UINT_MAX}},
		{"linux", {0, 0, 0, UINT_MAX}},
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct kernel_version v = kernel_version_parse(cases[i].release);
		if (v.major != cases[i].is.major || v.minor != cases[i].is.minor ||
		    v.patch != cases[i].is.patch || v.rc != cases[i].is.rc)
			fail_msg("%s: %u.%u.%u-rc%u", cases[i].release, v.major, v.minor, v.patch,
				 v.rc);
	}
}

static void each_version_has_its_holes(void **state)
{
	(void)state;
	static const struct {
		const char *release, *names;
	} cases[] = {
		{"6.12.0", ""},
		{"6.14.11", ""},
		{"6.15.0-rc1", "CVE-2026-43121 CVE-2026-43174"},
		{"6.15.0", "CVE-2026-43121 CVE-2026-43174"},
		{"6.18.15-2-amd64", "CVE-2026-43121 CVE-2026-43174"},
		{"6.18.16-rc1", "CVE-2026-43121 CVE-2026-43174"},
		{"6.18.16", "CVE-2026-43174"},
		{"6.18.99", "CVE-2026-43174"},
		{"6.19.0-rc3", "CVE-2026-43121 CVE-2026-43174 CVE-2026-45995"},
		{"6.19.5", "CVE-2026-43121 CVE-2026-43174 CVE-2026-45995"},
		{"6.19.6", "CVE-2026-45995"},
		{"7.0.0-rc7", "CVE-2026-43121 CVE-2026-43174 CVE-2026-45995"},
		{"7.0.0", "CVE-2026-45995"},
		{"7.0.3", "CVE-2026-45995"},
		{"7.0.4", ""},
		{"7.1.0-rc1", ""},
		{"7.2.12+deb14-amd64", ""},
		{"8.0.0", ""},
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char names[128];
		holes_names(holes_of(kernel_version_parse(cases[i].release)), names, sizeof(names));
		if (strcmp(names, cases[i].names) != 0)
			fail_msg("%s has \"%s\"", cases[i].release, names);
	}
}

static void holes_are_found_by_name_and_told(void **state)
{
	(void)state;
	char text[300], little[20];
	uint32_t set = hole_find("CVE-2026-43121") | hole_find("CVE-2026-45995");
	assert_int_equal(hole_find("CVE-2026-4312"), 0);
	assert_int_equal(hole_find("CVE-2026-431210"), 0);
	assert_int_equal(hole_find(""), 0);
	holes_names(set, text, sizeof(text));
	assert_string_equal(text, "CVE-2026-43121 CVE-2026-45995");
	assert_string_equal(hole_name(hole_find("CVE-2026-45995")), "CVE-2026-45995");
	assert_non_null(strstr(hole_what(hole_find("CVE-2026-45995")), "use after free"));
	holes_names(set, little, sizeof(little));
	assert_string_equal(little, "CVE-2026-43121 CVE-");
	holes_names(0, text, sizeof(text));
	assert_string_equal(text, "");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(versions_are_read_as_kernels_say_them),
		cmocka_unit_test(each_version_has_its_holes),
		cmocka_unit_test(holes_are_found_by_name_and_told),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
