/* SPDX-License-Identifier: MIT */
#include <string.h>

#include "tests/harness/harness.h"

/* Eight bytes of the stream; the multiplier is odd, so no two words of a stream are the same. */
static uint64_t word_at(uint64_t seed, uint64_t index)
{
	return (index + (seed << 40) + 1) * 0x9e3779b97f4a7c15u;
}

void harness_pattern(void *to, uint64_t seed, uint64_t pos, size_t bytes)
{
	char *out = to;
	while (bytes > 0) {
		uint64_t word = word_at(seed, pos / 8);
		size_t skip = pos % 8;
		size_t n = bytes < 8 - skip ? bytes : 8 - skip;
		memcpy(out, (char *)&word + skip, n);
		out += n;
		pos += n;
		bytes -= n;
	}
}

bool harness_pattern_is(const void *at, uint64_t seed, uint64_t pos, size_t bytes)
{
	const char *in = at;
	while (bytes > 0) {
		char want[4096];
		size_t n = bytes < sizeof(want) ? bytes : sizeof(want);
		harness_pattern(want, seed, pos, n);
		if (memcmp(in, want, n) != 0)
			return false;
		in += n;
		pos += n;
		bytes -= n;
	}
	return true;
}
