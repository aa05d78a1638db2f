/* SPDX-License-Identifier: MIT */
/* The command line of zcrx-cat, and its exit statuses. */
#ifndef CAT_OPTIONS_H
#define CAT_OPTIONS_H

#include "tools/cat/memory.h"

#include <stdbool.h>
#include <stdint.h>

enum cat_exit {
	CAT_OK = 0,
	CAT_FAILED = 1, /* the network, or the output */
	CAT_USAGE = 2,
	CAT_REFUSED = 3,
	CAT_NO_DAEMON = 4,
};

struct options {
	const char *host; /* NULL: any local address */
	const char *port;
	bool listen;
	bool keep;          /* listening, one stream after another */
	const char *output; /* NULL: none, "-": stdout */
	bool sha256;
	uint32_t backend; /* enum zcrx_backend */
	bool zero_copy;   /* or nothing */
	const char *nic;  /* "": any */
	struct memory_wish memory;
	uint64_t limit_bytes; /* UINT64_MAX: none */
	unsigned limit_s;     /* 0: none */
	bool verbose;
	bool json;
};

/* Returns true with *o filled in, or false with the exit status, everything said. */
bool options_parse(struct options *o, int argc, char **argv, enum cat_exit *ret_status);

#endif
