/* SPDX-License-Identifier: MIT */
/*
 * The memory that -m names: parsed, made by its exporter, imported as an area, and its bytes had
 * where the CPU can read them.
 */
#ifndef CAT_MEMORY_H
#define CAT_MEMORY_H

#include <stdbool.h>
#include <stddef.h>

struct zcrx;
struct zcrx_completion;
struct zcrx_queue;

struct memory_wish {
	const struct memory_kind *kind;
	char name[32];   /* of the heap, "" where there is none */
	unsigned number; /* of the card, device or descriptor */
	size_t bytes;
};

struct memory {
	struct zcrx_area *area; /* belongs to the connection */
	struct zcrx_cuda *cuda; /* NULL: other memory */
	const char *error;      /* a sentence, after something failed */
};

/* What is received into unless -m says otherwise. */
extern const struct memory_wish memory_default;

/* Returns false, everything said, when the text names no memory. */
bool memory_parse(struct memory_wish *ret, const char *text);

/* Returns 0 or a negative errno. The caller ends it with memory_done(), after the connection. */
int memory_open(struct memory *m, struct zcrx *z, const struct memory_wish *wish);
void memory_done(struct memory *m);

/* Is there any way for the CPU to read it? */
bool memory_readable(const struct memory *m);

/*
 * Between these two the payload of the completions can be read, at memory_at(). Return 0 or a
 * negative errno.
 */
int memory_begin(struct memory *m, const struct zcrx_completion *done, int n);
int memory_end(struct memory *m);
const void *memory_at(const struct memory *m, const struct zcrx_queue *q,
		      const struct zcrx_completion *done);

#endif
