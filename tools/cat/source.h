/* SPDX-License-Identifier: MIT */
/* Where the bytes come from: the connection to zcrxd, the memory, and the queue that fills it. */
#ifndef CAT_SOURCE_H
#define CAT_SOURCE_H

#include "tools/cat/memory.h"
#include "tools/cat/options.h"
#include <zcrx.h>

struct source {
	struct zcrx *zcrx;
	struct memory memory;
	struct zcrx_queue *queue;
	char error[320]; /* the sentence of what failed */
};

/* Opens all three. Returns CAT_OK, or another status with a sentence; source_close() either way. */
enum cat_exit source_open(struct source *s, const struct options *o);
void source_close(struct source *s);

/* The status for an errno with which a request failed on a connection that is there. */
enum cat_exit source_status(int error);

#endif
