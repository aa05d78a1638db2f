/* SPDX-License-Identifier: MIT */
/* Counts what was received, and reports it: with -v each second, and at the end. */
#ifndef CAT_REPORT_H
#define CAT_REPORT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

struct zcrx_queue_info;

struct report {
	uint64_t bytes;
	uint64_t bytes_copied; /* how many of these bytes a CPU copied */
	unsigned streams;
	uint64_t active_ns; /* how long a stream was open */
	uint64_t begin_ns;  /* when the open stream began */
	/* The counts when the last line of -v was printed. */
	uint64_t tick_ns;
	uint64_t tick_bytes;
	uint64_t tick_copied;
};

/* A stream begins; a stream ends. */
void report_begin(struct report *r);
void report_end(struct report *r);

void report_data(struct report *r, size_t bytes, bool copied);

/*
 * Prints the rate of the last second on stderr, once it is over. Returns the milliseconds until the
 * next one is over.
 */
int report_tick(struct report *r);

/* Prints the report. sha256: "" for none; error: what went wrong, "" if nothing. */
void report_text(const struct report *r, FILE *out, const struct zcrx_queue_info *info,
		 const char *sha256);
void report_json(const struct report *r, FILE *out, const struct zcrx_queue_info *info,
		 const char *sha256, const char *error);

#endif
