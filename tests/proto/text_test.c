/* SPDX-License-Identifier: MIT */
/* Text of strangers, made harmless. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "proto/text.h"

static void check(const char *text, const char *keep, const char *wanted)
{
	char room[64];
	snprintf(room, sizeof(room), "%s", text);
	text_clean(room, keep);
	assert_string_equal(room, wanted);
	assert_int_equal(text_is_clean(text), strcmp(text, wanted) == 0 && !strpbrk(text, keep));
	assert_true(*keep || text_is_clean(room));
}

static void leaves_text_as_it_is(void **state)
{
	(void)state;
	check("", "", "");
	check("eth0, plain ~ text", "", "eth0, plain ~ text");
	check("Gr\xc3\xbc\xc3\x9f \xe2\x82\xac \xf0\x9f\x98\x80", "",
	      "Gr\xc3\xbc\xc3\x9f \xe2\x82\xac \xf0\x9f\x98\x80");
	check("\xc2\xa0\xef\xbf\xbd\xf4\x8f\xbf\xbf", "", "\xc2\xa0\xef\xbf\xbd\xf4\x8f\xbf\xbf");
}

static void takes_control_characters_out(void **state)
{
	(void)state;
	check("\n<0>dead", "", "?<0>dead");
	check("a\nb\tc", "\n", "a\nb?c");
	check("\x1b]0;x\x07\x1b[2J\x7f", "", "?]0;x??[2J?");
	check("\xc2\x9b"
	      "2J",
	      "", "??2J"); /* CSI of C1 */
	check("a\xe2\x80\xae"
	      "b\xe2\x80\xa8"
	      "c",
	      "", "a???b???c"); /* written from the right; a line */
}

static void takes_out_what_is_no_utf8(void **state)
{
	(void)state;
	check("\xff\xfe", "", "??");
	check("\x80", "", "?");
	check("\xc3", "", "?");        /* cut */
	check("\xe2\x82", "", "??");   /* cut */
	check("\xe2\x82x", "", "??x"); /* cut, and on */
	check("\xc0\xaf", "", "??");   /* '/' the long way */
	check("\xe0\x80\xaf", "", "???");
	check("\xed\xa0\x80", "", "???");      /* half of a pair */
	check("\xf4\x90\x80\x80", "", "????"); /* beyond the last one */
	check("\xf8\x88\x80\x80\x80", "", "?????");
}

/* Every pair of bytes: what comes out is clean, and no longer. */
static void every_pair_of_bytes_comes_out_clean(void **state)
{
	(void)state;
	for (unsigned pair = 0; pair < 1u << 16; pair++) {
		char text[] = {(char)(pair >> 8), (char)pair, 'x', '\0'};
		size_t before = strlen(text);
		text_clean(text, "");
		assert_true(text_is_clean(text));
		assert_int_equal(strlen(text), before);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(leaves_text_as_it_is),
		cmocka_unit_test(takes_control_characters_out),
		cmocka_unit_test(takes_out_what_is_no_utf8),
		cmocka_unit_test(every_pair_of_bytes_comes_out_clean),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
