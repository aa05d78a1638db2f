/* SPDX-License-Identifier: MIT */
/* What the targets share: taking an input apart, and stopping where something does not hold. */
#ifndef TESTS_FUZZ_FUZZ_H
#define TESTS_FUZZ_FUZZ_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define MUST(condition)                                                                     \
	do {                                                                                \
		if (!(condition)) {                                                         \
			fprintf(stderr, "%s:%d: %s: %m\n", __FILE__, __LINE__, #condition); \
			abort();                                                            \
		}                                                                           \
	} while (0)

/* What is left of an input. Behind its end are zeros, so that every input means something. */
struct input {
	const uint8_t *at;
	size_t left;
};

/* Copies up to n bytes, returns how many there were; the others are not touched. */
static inline size_t input_bytes(struct input *in, void *ret, size_t n)
{
	if (n > in->left)
		n = in->left;
	if (n > 0)
		memcpy(ret, in->at, n);
	in->at += n;
	in->left -= n;
	return n;
}

static inline uint8_t input_u8(struct input *in)
{
	uint8_t v = 0;
	input_bytes(in, &v, sizeof(v));
	return v;
}

/* input_u16() and input_u32() read a number in the machine's byte order. */
static inline uint16_t input_u16(struct input *in)
{
	uint16_t v = 0;
	input_bytes(in, &v, sizeof(v));
	return v;
}

static inline uint32_t input_u32(struct input *in)
{
	uint32_t v = 0;
	input_bytes(in, &v, sizeof(v));
	return v;
}

#endif
