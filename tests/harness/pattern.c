/* SPDX-License-Identifier: MIT */
#include <string.h>

#include "tests/harness/harness.h"

/* The multiplier is odd, so no two words of a stream are the same. */
#define MULTIPLIER 0x9e3779b97f4a7c15u

/* Eight bytes of the stream. The next word is this one + MULTIPLIER. */
static uint64_t word_at(uint64_t seed, uint64_t index)
{
	return (index + (seed << 40) + 1) * MULTIPLIER;
}

/* At most the rest of the word that pos lies in. Returns how many bytes. */
static size_t part(char *to, uint64_t seed, uint64_t pos, size_t bytes)
{
	uint64_t word = word_at(seed, pos / 8);
	size_t skip = pos % 8, n = bytes < 8 - skip ? bytes : 8 - skip;
	memcpy(to, (char *)&word + skip, n);
	return n;
}

void harness_pattern(void *to, uint64_t seed, uint64_t pos, size_t bytes)
{
	char *out = to;
	size_t n = pos % 8 ? part(out, seed, pos, bytes) : 0;
	uint64_t word = word_at(seed, (pos + n) / 8);
	for (; n + 8 <= bytes; n += 8, word += MULTIPLIER)
		memcpy(out + n, &word, 8);
	if (n < bytes)
		part(out + n, seed, pos + n, bytes - n);
}

static bool part_is(const char *at, uint64_t seed, uint64_t pos, size_t bytes, size_t *ret)
{
	char want[8];
	*ret = part(want, seed, pos, bytes);
	return memcmp(at, want, *ret) == 0;
}

bool harness_pattern_is(const void *at, uint64_t seed, uint64_t pos, size_t bytes)
{
	const char *in = at;
	size_t n = 0, last;
	uint64_t differ = 0;
	if (pos % 8 && !part_is(in, seed, pos, bytes, &n))
		return false;
	uint64_t word = word_at(seed, (pos + n) / 8);
	for (; n + 8 <= bytes; n += 8, word += MULTIPLIER) {
		uint64_t found;
		memcpy(&found, in + n, 8);
		differ |= found ^ word;
	}
	return differ == 0 && (n == bytes || part_is(in + n, seed, pos + n, bytes - n, &last));
}
