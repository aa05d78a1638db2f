/* SPDX-License-Identifier: MIT */
/*
 * The memory that -m names: parses the name, has the exporter make it, imports it as an area, and
 * makes its bytes readable by the CPU.
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
	char name[32];   /* the heap's name, or "" */
	unsigned number; /* the number of the card, device or descriptor */
	size_t bytes;
};

struct memory {
	struct zcrx_area *area; /* the area, which belongs to the connection */
	struct zcrx_cuda *cuda; /* NULL: the memory is not a GPU's */
	const char *error;      /* the sentence of what failed */
};

/* The memory that is used without -m. */
extern const struct memory_wish memory_default;

/* Parses the text. Returns false after it has said what is wrong. */
bool memory_parse(struct memory_wish *ret, const char *text);

/*
 * Makes the memory and the area. Returns 0 or a negative errno. The caller calls memory_done()
 * after it has closed the connection.
 */
int memory_open(struct memory *m, struct zcrx *z, const struct memory_wish *wish);
void memory_done(struct memory *m);

/* Can the CPU read the memory in some way? */
bool memory_readable(const struct memory *m);

/*
 * Between these two calls the payload of the completions can be read at memory_at(). Both return 0
 * or a negative errno.
 */
int memory_begin(struct memory *m, const struct zcrx_completion *done, int n);
int memory_end(struct memory *m);
const void *memory_at(const struct memory *m, const struct zcrx_queue *q,
		      const struct zcrx_completion *done);

#endif
