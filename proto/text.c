/* SPDX-License-Identifier: MIT */
#include "proto/text.h"

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define CODE_MAX 0x10ffffu

struct span {
	uint32_t first, last;
};

/*
 * Is the character one of Unicode's control characters, separators of lines, or marks of direction?
 */
static bool is_control(uint32_t code)
{
	static const struct span spans[] = {
		{0, 0x1f},        {0x7f, 0x9f},     {0x61c, 0x61c},   {0x200e, 0x200f},
		{0x2028, 0x202e}, {0x2066, 0x2069}, {0xd800, 0xdfff},
	};
	for (size_t i = 0; i < sizeof(spans) / sizeof(spans[0]); i++)
		if (code >= spans[i].first && code <= spans[i].last)
			return true;
	return false;
}

/* How many bytes the first character of the text has; 0 if it is not clean. */
static size_t character_bytes(const char *text)
{
	const unsigned char *p = (const unsigned char *)text;
	/* The least code that takes so many bytes. */
	static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
	size_t n = *p < 0x80   ? 1
		   : *p < 0xc0 ? 0
		   : *p < 0xe0 ? 2
		   : *p < 0xf0 ? 3
		   : *p < 0xf8 ? 4
			       : 0;
	uint32_t code = n > 1 ? *p & (0x7fu >> n) : *p;
	if (n == 0)
		return 0;
	for (size_t i = 1; i < n; i++) {
		if ((p[i] & 0xc0) != 0x80)
			return 0;
		code = code << 6 | (p[i] & 0x3f);
	}
	return code < least[n] || code > CODE_MAX || is_control(code) ? 0 : n;
}

bool text_is_clean(const char *text)
{
	size_t n = 1;
	for (; *text && n > 0; text += n)
		n = character_bytes(text);
	return n > 0;
}

void text_clean(char *text, const char *keep)
{
	while (*text) {
		size_t n = character_bytes(text);
		if (n == 0 && !strchr(keep, *text))
			*text = '?';
		text += n > 0 ? n : 1;
	}
}
