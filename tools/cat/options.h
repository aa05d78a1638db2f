/* SPDX-License-Identifier: MIT */
/* The command line of zcrx-cat, and its exit statuses. */
#ifndef CAT_OPTIONS_H
#define CAT_OPTIONS_H

#include "tools/cat/memory.h"

#include <stdbool.h>
#include <stdint.h>

enum cat_exit {
	CAT_OK = 0,
	CAT_FAILED = 1, /* the network or the output failed */
	CAT_USAGE = 2,
	CAT_REFUSED = 3,
	CAT_NO_DAEMON = 4,
	CAT_INTERRUPTED = 128, /* the number of the signal is added */
};

struct options {
	const char *host; /* NULL: any local address */
	const char *port;
	bool listen;
	bool keep;          /* it listens, and receives one stream after another */
	const char *output; /* NULL: none, "-": stdout */
	bool sha256;
	uint32_t backend; /* enum zcrx_backend */
	bool zero_copy;   /* it fails rather than have the payload copied */
	const char *nic;  /* "": any */
	struct memory_wish memory;
	uint64_t limit_bytes; /* UINT64_MAX: none */
	unsigned limit_s;     /* 0: none */
	bool verbose;
	bool json;
};

/* Is the payload read? Else it is only counted, and its memory is not touched. */
static inline bool options_read(const struct options *o)
{
	return o->output || o->sha256;
}

/* Parses the command line. Returns true, or false with the exit status after it has said why. */
bool options_parse(struct options *o, int argc, char **argv, enum cat_exit *ret_status);

#endif
