/* SPDX-License-Identifier: MIT */
/*
 * A program of somebody else's, in the common part of C and C++, using the library whose header is
 * HEADER. ORDER says where the kernel's header comes: 0 not at all, 1 before ours, 2 after it.
 */
#if ORDER == 1
#include <linux/io_uring.h>
#endif
#include HEADER
#if ORDER == 2
#include <linux/io_uring.h>
#endif
#include <errno.h>
#include <stdio.h>
#include <string.h>

#define TAKE(name) (void (*)(void)) & name,

/* Every function that the header declares can be linked. */
static void (*const functions[])(void) = {
#include "functions.inc"
};

int main(void)
{
	struct zcrx_queue_options options;
	struct zcrx *z = NULL;
	int r;

	memset(&options, 0, sizeof(options));
	options.size = sizeof(options);
	for (size_t i = 0; i < sizeof(functions) / sizeof(functions[0]); i++) {
		if (!functions[i])
			return 1;
	}
	r = zcrx_connect(&z, "/nonexistent/zcrxd.sock");
	if (r != -ENOENT || z) {
		fprintf(stderr, "zcrx_connect returned %d, not -ENOENT\n", r);
		return 1;
	}
	zcrx_close(z);
	return 0;
}
